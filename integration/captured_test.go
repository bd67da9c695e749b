package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCapturedRequest sends the very bytes that GitHub signed again, under other headers: there is one
// event, whose repeats can be seen.
func TestCapturedRequest(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	body := []byte(`{"ref":"refs/heads/main","repository":{"id":7},"sender":{"id":42,"login":"o"},"commits":[]}`)
	first, err := s.github("push", "d-1", body)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, first.status, "%s", first.body)
	for _, header := range [][2]string{{"push", "d-2"}, {"member", "d-3"}, {"push", "d-1"}} {
		again, err := s.github(header[0], header[1], body)
		require.NoError(t, err)
		require.Equal(t, []any{first.status, string(first.body)}, []any{again.status, string(again.body)}, header)
	}
	var accepted struct{ ID string }
	first.json(t, &accepted)
	eventually(t, func() error {
		status, a := s.eventStatus(s.token("alice"), accepted.ID)
		var e struct {
			Type    string
			Time    time.Time
			Repeats []time.Time
		}
		if status == "" {
			return fmt.Errorf("it is not recorded yet")
		}
		if err := json.Unmarshal(a.body, &e); err != nil || status != "delivered" || len(e.Repeats) != 3 {
			return fmt.Errorf("%w: %s with %d repeats", err, status, len(e.Repeats))
		}
		require.Equal(t, "github.push", e.Type)
		require.True(t, e.Repeats[0].After(e.Time))
		return nil
	})
	require.Equal(t, 1, s.bot.distinct())
}
