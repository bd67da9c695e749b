package kind_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/kind"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
)

func TestExport(t *testing.T) {
	t.Parallel()
	p := openAt(t, t.TempDir())
	events := p.fill(t, 450)
	change, err := event.NewChange(events[3], event.Change{Status: event.StatusDelivered, Attempt: 1, At: start.Add(time.Hour)})
	require.NoError(t, err)
	_, err = storetest.Record(t.Context(), p.events, []*event.Event{change})
	require.NoError(t, err)

	id := p.submit(t, `{}`, "")
	done := p.work(t, id)
	require.Equal(t, job.StatusDone, done.Status, done.Error)
	require.Equal(t, int64(450), done.Done)
	require.Greater(t, done.Parts, 450/store.MaxLimit+1, "a part has no more than it needs to be full")
	require.Contains(t, string(done.Result), `"events":450`)
	lines := p.lines(t, id)
	require.Len(t, lines, 450)
	for i, l := range lines {
		n := len(events) - 1 - i
		require.Equal(t, events[n].ID, l.ID)
		require.Equal(t, n, l.Data.N, "the body is there")
	}
	require.Equal(t, event.StatusDelivered, lines[450-1-3].Status)
	require.Len(t, lines[450-1-3].Attempts, 1)
}

func TestExportFilters(t *testing.T) {
	t.Parallel()
	p := openAt(t, t.TempDir())
	events := p.fill(t, 30)
	at := func(n int) string { return start.Add(time.Duration(n) * time.Second).Format(time.RFC3339Nano) }
	for filter, want := range map[string]func(n int) bool{
		`{"bot":"bot-1"}`:                                       func(n int) bool { return n%2 == 1 },
		`{"user":"user-3","type":"command"}`:                    func(n int) bool { return n%7 == 3 },
		`{"type":"other"}`:                                      func(int) bool { return false },
		`{"status":"accepted","bot":"bot-0"}`:                   func(n int) bool { return n%2 == 0 },
		`{"status":"dead"}`:                                     func(int) bool { return false },
		`{"from":"` + at(5) + `","to":"` + at(9) + `"}`:         func(n int) bool { return n >= 5 && n < 9 },
		`{"to":"` + at(0) + `"}`:                                func(int) bool { return false },
		`{"from":"2026-03-04T05:06:10+00:00"}`:                  func(n int) bool { return n >= 3 },
		`{"from":"` + at(29) + `","to":"2999-01-01T00:00:00Z"}`: func(n int) bool { return n == 29 },
	} {
		id := p.submit(t, `{"filter":`+filter+`}`, "")
		require.Equal(t, job.StatusDone, p.work(t, id).Status, filter)
		var wanted []string
		for n, e := range slices.All(events) {
			if want(n) {
				wanted = append([]string{e.ID}, wanted...)
			}
		}
		require.Equal(t, fmt.Sprint(wanted), fmt.Sprint(ids(p.lines(t, id))), filter)
	}
}

// TestExportRestricted has the bot of the caller be the bot of the filter.
func TestExportRestricted(t *testing.T) {
	t.Parallel()
	k := kind.NewExport(kind.ExportConfig{})
	got, err := k.Prepare([]byte(`{"filter":{"user":"42"}}`), "demo")
	require.NoError(t, err)
	require.JSONEq(t, `{"filter":{"bot":"demo","user":"42"},"format":"ndjson"}`, string(got))
	_, err = k.Prepare([]byte(`{"filter":{"bot":"other"}}`), "demo")
	require.ErrorIs(t, err, job.ErrForbidden)
}

func TestExportPrepareRefuses(t *testing.T) {
	t.Parallel()
	k := kind.NewExport(kind.ExportConfig{})
	for _, given := range []string{
		``, `[]`, `{} {}`, `{"x":1}`, `{"filter":{"x":1}}`, `{"format":"csv"}`, `{"format":""}`, `{"filter":{"status":"lost"}}`,
		`{"filter":{"from":"yesterday"}}`, `{"filter":{"from":"2026-03-02T00:00:00Z","to":"2026-03-01T00:00:00Z"}}`,
		`{"filter":{"type":"a\u0000b"}}`, `{"filter":{"to":"9999-12-31T00:00:00Z"}}`,
	} {
		_, err := k.Prepare([]byte(given), "")
		var bad *job.ParameterError
		require.ErrorAs(t, err, &bad, given)
		require.NotEmpty(t, bad.Detail)
	}
}

func FuzzExportPrepare(f *testing.F) {
	f.Add([]byte(`{"filter":{"bot":"demo","from":"2026-03-01T00:00:00Z"},"format":"ndjson"}`), "demo")
	k := kind.NewExport(kind.ExportConfig{})
	f.Fuzz(func(t *testing.T, given []byte, bot string) {
		once, err := k.Prepare(given, bot)
		if err != nil {
			return
		}
		again, err := k.Prepare(once, bot)
		require.NoError(t, err)
		require.Equal(t, once, again, "there is one form of each wish")
	})
}
