package event_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

func TestHeaders(t *testing.T) {
	t.Parallel()
	h := http.Header{
		"X-Slack-Signature": {"v0=ab: c"}, "X-Twice": {"1", "", "2"}, "Cookie": {"a=b"},
		"X-Odd": {"a\tb", "\xff", "ü", "plain"},
	}
	headers, err := event.HeadersOf(h, []string{"X-Twice", "X-Slack-Signature", "X-None", "X-Odd"})
	require.NoError(t, err)
	back := http.Header{}
	for name, value := range headers.All() {
		back.Add(name, value)
	}
	require.Equal(t, http.Header{"X-Slack-Signature": {"v0=ab: c"}, "X-Twice": {"1", "", "2"}, "X-Odd": {"plain"}}, back)

	none, err := event.HeadersOf(h, nil)
	require.NoError(t, err)
	require.Empty(t, none)

	fits := event.MaxHeaders - len("X-Large: \n")
	_, err = event.HeadersOf(http.Header{"X-Large": {strings.Repeat("x", fits)}}, []string{"X-Large"})
	require.NoError(t, err)
	_, err = event.HeadersOf(http.Header{"X-Large": {strings.Repeat("x", fits+1)}}, []string{"X-Large"})
	require.ErrorIs(t, err, event.ErrHeaders)
}
