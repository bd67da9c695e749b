package kind

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/eventjson"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/event"
)

const (
	// defaultPartSize is the default of [ExportConfig.PartSize].
	defaultPartSize = 8 << 20
	// partTime is when a part is full whatever its size, so that the progress shows, and little
	// is repeated after a crash.
	partTime = 10 * time.Second
	// readers is how many events are read at once, and by how many a part grows.
	readers = 8
	// settled is the age from which on replicas have what was recorded.
	settled = time.Minute
)

// Reader is what an export asks of a store.
type Reader interface {
	Get(ctx context.Context, id string) (*store.Record, error)
	List(ctx context.Context, q store.Query) (*store.Page, error)
}

// ExportConfig is what exports are made of.
type ExportConfig struct {
	// Reader has the events. Required where exports are worked on.
	Reader Reader
	// Blobs keeps the files; they are there for as long as it keeps bodies. Required.
	Blobs blob.Store
	// PartSize is how many bytes a part of a file has before it is compressed, or a bit more.
	// A few times as many may be in memory. Default 8 MiB.
	PartSize int
}

// Export writes events into a file.
type Export struct{ cfg ExportConfig }

var _ job.Filer = (*Export)(nil)

// NewExport returns the kind of job.
func NewExport(cfg ExportConfig) *Export {
	cfg.PartSize = cmp.Or(cfg.PartSize, defaultPartSize)
	return &Export{cfg}
}

// exportCheckpoint is the last event of the file so far.
type exportCheckpoint struct {
	Time time.Time `json:"time"`
	ID   string    `json:"id"`
	// Bytes is the length of the file so far, before it is compressed.
	Bytes int64 `json:"bytes"`
}

type exportResult struct {
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"`
}

// Run implements [job.Kind]. It goes from the newest event to the oldest, as new events are
// added at the other end.
func (k *Export) Run(ctx context.Context, r *job.Run) (any, error) {
	w, err := k.resume(r)
	if err != nil {
		return nil, err
	}
	for !w.over() {
		part, err := w.part(ctx)
		if err != nil {
			return nil, temporary(err)
		}
		if part.events > 0 {
			if err := w.save(ctx, part); err != nil {
				return nil, err
			}
		}
	}
	return exportResult{w.done, w.at.Bytes}, nil
}

// writer writes the file of an export.
type writer struct {
	*Export
	run   *job.Run
	query store.Query
	from  time.Time
	at    exportCheckpoint
	done  int64
	// listed are the next events, and last is set when no others follow.
	listed []*store.Record
	last   bool
}

func (k *Export) resume(r *job.Run) (*writer, error) {
	j := r.Job()
	w := &writer{Export: k, run: r, done: j.Done}
	var p exportParameters
	if err := j.Decode(&p, &w.at); err != nil {
		return nil, err
	}
	w.query = store.Query{Bot: p.Filter.Bot, Subject: p.Filter.User, Type: p.Filter.Type, Limit: store.MaxLimit}
	if p.Filter.Status != "" {
		w.query.Statuses = []event.Status{p.Filter.Status}
	}
	w.from = p.Filter.From.Time
	if j.Checkpoint == "" {
		w.at.Time = cmp.Or(store.Micros(p.Filter.To.Time), j.CreatedAt)
	}
	w.query.After = store.Position{Time: w.at.Time, ID: w.at.ID}
	return w, nil
}

// piece is a part of the file before it is saved.
type piece struct {
	lines  [][]byte
	size   int
	events int64
}

// part reads a few events at a time until a part is full or no event is left: a page of large
// bodies would not fit into memory.
func (w *writer) part(ctx context.Context) (p piece, err error) {
	full := time.Now().Add(partTime)
	for !w.over() && p.size < w.cfg.PartSize && time.Now().Before(full) {
		if len(w.listed) == 0 {
			if err := w.list(ctx); err != nil {
				return p, err
			}
			continue
		}
		records := w.listed[:min(readers, len(w.listed))]
		lines, err := w.lines(ctx, records)
		if err != nil {
			return p, err
		}
		for _, line := range lines {
			if line != nil {
				p.lines, p.size, p.events = append(p.lines, line), p.size+len(line), p.events+1
			}
		}
		last := records[len(records)-1].Event
		w.at.Time, w.at.ID, w.listed = last.Time, last.ID, w.listed[len(records):]
	}
	return p, nil
}

// over reports whether no event is left.
func (w *writer) over() bool { return w.last && len(w.listed) == 0 }

// list lists the next events.
func (w *writer) list(ctx context.Context) error {
	if time.Since(w.query.After.Time) < settled {
		ctx = store.Fresh(ctx)
	}
	page, err := w.cfg.Reader.List(ctx, w.query)
	if err != nil {
		return fmt.Errorf("listing events: %w", err)
	}
	if len(page.Missing) > 0 {
		return fmt.Errorf("listing events: %w: %s did not answer", store.ErrUnavailable, strings.Join(page.Missing, ", "))
	}
	older := func(r *store.Record) bool { return r.Event.Time.Before(w.from) }
	w.listed = page.Records
	if i := slices.IndexFunc(w.listed, older); i >= 0 {
		w.listed, page.Next = w.listed[:i], nil
	}
	if w.last = page.Next == nil; !w.last {
		w.query.After = *page.Next
	}
	return nil
}

// lines reads events with their bodies, concurrently, and returns the line of each, nil for
// one that was erased meanwhile.
func (w *writer) lines(ctx context.Context, records []*store.Record) ([][]byte, error) {
	lines := make([][]byte, len(records))
	group, ctx := errgroup.WithContext(ctx)
	for i, r := range records {
		group.Go(func() error {
			whole, err := w.cfg.Reader.Get(ctx, r.Event.ID)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("reading an event: %w", err)
			}
			line, err := eventjson.AppendLine(nil, whole)
			lines[i] = append(line, '\n')
			return err
		})
	}
	return lines, group.Wait()
}

// save stores a part and the checkpoint.
func (w *writer) save(ctx context.Context, p piece) error {
	data, err := compress(p.lines)
	if err != nil {
		return err
	}
	ref := blob.RefOf(data)
	if err := w.cfg.Blobs.Put(ctx, ref, data); err != nil {
		return temporary(err)
	}
	w.done += p.events
	w.at.Bytes += int64(p.size)
	return w.run.Save(ctx, job.Progress{Done: w.done, Checkpoint: w.at}, job.Part{Ref: ref.String(), Size: int64(p.size)})
}
