package kind_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/kind"
	storefile "github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/blob/file"
	"github.com/botgate/botgate/internal/event"
)

// start is when the first event was accepted; each one after it came a second later.
var start = time.Date(2026, 3, 4, 5, 6, 7, 891_000, time.UTC)

// place is where all of a backend's data is.
type place struct {
	events *storefile.Store
	jobs   *job.Jobs
	engine job.Engine
	close  func() error
}

// partSize is reached by less than a page of events.
const partSize = 8 << 10

// open opens what is in a folder, as a process does. Parts are small, so that there are many.
func open(ctx context.Context, folder string, lease time.Duration, reader func(kind.Reader) kind.Reader) (*place, error) {
	events, err := storefile.Open(ctx, storefile.Config{Path: filepath.Join(folder, "events.db")})
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(folder, "jobs.db")+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	engine := job.NewSQL(sqldb.DB{Dialect: sqldb.SQLite, Writer: db, Reader: db}, nil)
	if err := engine.Migrate(ctx); err != nil {
		return nil, err
	}
	blobs, err := file.Open(filepath.Join(folder, "blobs"))
	if err != nil {
		return nil, err
	}
	exports := kind.NewExport(kind.ExportConfig{Reader: reader(events), Blobs: blobs, PartSize: partSize})
	jobs, err := job.New(job.Config{
		Engine: engine, Kinds: map[string]job.Kind{"export": exports, job.EraseKind: kind.Erase{Store: telling{events}}}, Lease: lease, PollInterval: 20 * time.Millisecond,
	})
	closeAll := func() error {
		for _, c := range []io.Closer{db, events} {
			if err := c.Close(); err != nil {
				return err
			}
		}
		return nil
	}
	return &place{events, jobs, engine, closeAll}, err
}

func same(r kind.Reader) kind.Reader { return r }

func openAt(t *testing.T, folder string) *place {
	t.Helper()
	p, err := open(t.Context(), folder, time.Minute, same)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.close()) })
	return p
}

// fill records n events, of two bots in turn.
func (p *place) fill(t *testing.T, n int) []*event.Event {
	t.Helper()
	events := make([]*event.Event, n)
	for i := range events {
		user := fmt.Sprint("user-", i%7)
		id, err := event.NewID(user)
		require.NoError(t, err)
		events[i] = &event.Event{
			ID: id, Bot: fmt.Sprint("bot-", i%2), Type: "command", Subject: user, Time: start.Add(time.Duration(i) * time.Second),
			VerifiedBy: "jwt", ContentType: "application/json", Data: fmt.Appendf(nil, "{\r\n \"n\": %d }", i),
		}
		events[i].Normalize()
	}
	_, err := storetest.Record(t.Context(), p.events, events)
	require.NoError(t, err)
	return events
}

func (p *place) submit(t *testing.T, parameters, bot string) string {
	t.Helper()
	made, _, err := p.jobs.Submit(t.Context(), job.Request{Kind: "export", Parameters: []byte(parameters), Bot: bot})
	require.NoError(t, err)
	return made.ID
}

// work works on jobs until one is over.
func (p *place) work(t *testing.T, id string) *job.Job {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.jobs.Run(ctx) }()
	var last *job.Job
	require.Eventually(t, func() bool {
		found, err := p.jobs.Get(t.Context(), id, "")
		require.NoError(t, err)
		last = found
		return found.Status.Final()
	}, time.Minute, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	return last
}

// line is what a line of the file says.
type line struct {
	ID       string
	Status   event.Status
	Attempts []event.Change
	Data     struct{ N int }
}

// lines reads the file of a job that is done.
func (p *place) lines(t *testing.T, id string) []line {
	t.Helper()
	info, parts, err := p.jobs.File(t.Context(), id, "")
	require.NoError(t, err)
	require.Equal(t, "gzip", info.Encoding)
	var all bytes.Buffer
	for data, err := range parts {
		require.NoError(t, err)
		all.Write(data)
	}
	if all.Len() == 0 {
		return nil
	}
	unzipped, err := gzip.NewReader(&all)
	require.NoError(t, err)
	text, err := io.ReadAll(unzipped)
	require.NoError(t, err)
	var lines []line
	for text := range strings.Lines(string(text)) {
		var l line
		require.NoError(t, json.Unmarshal([]byte(text), &l), text)
		lines = append(lines, l)
	}
	return lines
}

func ids(lines []line) []string {
	all := make([]string, len(lines))
	for i, l := range lines {
		all[i] = l.ID
	}
	return all
}
