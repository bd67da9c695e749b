package event_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

func TestAnswerIsCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", event.MaxAnswer)
	for name, tc := range map[string]struct {
		body, want string
		brokeOff   bool
		truncated  bool
	}{
		"short":                      {"no", "no", false, false},
		"as long as may be":          {long, long, false, false},
		"longer":                     {long + "y", long, false, true},
		"broken off":                 {"no", "no", true, true},
		"a character is not halved":  {long[:event.MaxAnswer-1] + "€ and more", long[:event.MaxAnswer-1], false, true},
		"nor one that broke off":     {"5 \xe2\x82", "5 ", true, true},
		"binary stays":               {"\x00\xff\x80\x80\x80\x80", "\x00\xff\x80\x80\x80\x80", true, true},
		"half a character, complete": {"5 \xe2\x82", "5 \xe2\x82", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := event.NewAnswer("text/plain", "", []byte(tc.body), event.MaxAnswer, tc.brokeOff)
			require.Equal(t, tc.want, string(a.Body))
			require.Equal(t, tc.truncated, a.Truncated)
		})
	}
	require.Nil(t, event.NewAnswer("", "", nil, event.MaxAnswer, false))
}

// FuzzAnswer: whatever a bot answers comes back from a change as it was kept.
func FuzzAnswer(f *testing.F) {
	f.Add("text/plain\xff", "gzip", []byte("\x00\xff"), true)
	f.Add(strings.Repeat("<", 600), strings.Repeat("&", 600), bytes.Repeat([]byte("€"), 2000), false)
	f.Fuzz(func(t *testing.T, contentType, contentEncoding string, body []byte, truncated bool) {
		a := event.NewAnswer(contentType, contentEncoding, body, event.MaxAnswer, truncated)
		about := &event.Event{ID: "e", Bot: "demo", Type: "t", Time: time.Now()}
		e, err := event.NewChange(about, event.Change{Status: event.StatusFailed, At: time.Now(), Answer: a})
		require.NoError(t, err)
		require.Less(t, len(e.Data), 96<<10)
		c, err := event.ParseChange(e)
		require.NoError(t, err)
		if a != nil && len(a.Body) == 0 {
			a.Body = nil
		}
		require.Equal(t, a, c.Answer)
	})
}
