package api

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/schedule"
	"github.com/botgate/botgate/backend/store"
)

// fakeCanceller says the same of every event.
type fakeCanceller struct{ err error }

func (f fakeCanceller) Cancel(context.Context, *store.Record) error { return f.err }

func TestCancelEvent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err    error
		target string
		bots   []string
		status int
		slug   string
	}{
		"cancelled":       {target: "/v1/events/x", status: http.StatusNoContent},
		"no longer":       {fmt.Errorf("so: %w", schedule.ErrNotScheduled), "/v1/events/x", nil, http.StatusConflict, "not-scheduled"},
		"unavailable":     {store.ErrUnavailable, "/v1/events/x", nil, http.StatusServiceUnavailable, "unavailable"},
		"of another bot":  {nil, "/v1/events/x", []string{"other"}, http.StatusNotFound, "unknown-event"},
		"with parameters": {nil, "/v1/events/x?a=b", nil, http.StatusBadRequest, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := handler(t, Config{Reader: &fakeReader{record: record("application/json", nil)}, Cancel: fakeCanceller{tc.err}})
			w := askAs(t, a, http.MethodDelete, tc.target, tc.bots...)
			require.Equal(t, tc.status, w.Code, w.Body.String())
			if tc.slug != "" {
				requireProblem(t, w, tc.status, tc.slug)
			}
		})
	}
}
