package event_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

func TestName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 300)
	for _, plain := range []string{"", "alice", "a/b", "100%", "😀", `CORP\alice`, " alice ", long[:512]} {
		require.Equal(t, plain, event.Name(plain))
	}
	seen := map[string]string{}
	for _, given := range []string{
		"ab", "a\nb", "a\x00b", "a\xffb", "a\uFFFDb", long, long + "x", long[:512], long[:511] + "\n",
		event.Name("a\nb"), event.Name(event.Name("a\nb")), event.Name(long),
	} {
		name := event.Name(given)
		require.LessOrEqual(t, len(name), event.MaxAttribute)
		require.True(t, event.ValidText(name))
		require.Empty(t, seen[name], "%q and %q are one", seen[name], given)
		seen[name] = given
		require.Equal(t, name, event.NameOf(name), "who asks by the name that events have finds them")
		if given != event.NameOf(given) {
			require.Equal(t, name, event.NameOf(given), "and who asks by the name as it was given")
		}
		e := event.Event{Subject: name, OrderKey: name}
		e.Normalize()
		require.Equal(t, name, e.Subject)
		require.Equal(t, name, e.OrderKey)
	}
}

// FuzzName: two names never become one, and each fits.
func FuzzName(f *testing.F) {
	f.Add("alice", "alice\n")
	f.Add(strings.Repeat("x", 600), strings.Repeat("x", 601))
	f.Add(event.Name("\x00"), "\x00")
	f.Fuzz(func(t *testing.T, a, b string) {
		require.Equal(t, a == b, event.Name(a) == event.Name(b))
		require.True(t, event.ValidText(event.Name(a)))
		require.Equal(t, event.Name(a), event.NameOf(event.Name(a)))
	})
}
