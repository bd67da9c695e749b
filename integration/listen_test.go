package integration

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestListen has a server of this machine get the events of a bot that pulls, and copies of them.
func TestListen(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.writeWorkers(map[string][]string{"demo": nil})
	s.startEmbedded()
	got := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "from "+r.URL.Path)
		got <- r.URL.Path + " " + r.Header.Get("Ce-Id") + " " + string(body)
	}))
	t.Cleanup(server.Close)
	tap := start(t, s.dir, s.env, gatewayBinary, "listen", "--tap", "--forward", server.URL+"/copy", "--url", s.base)
	var ids []string
	eventually(t, func() error { // A tap has what comes from then on.
		ids = append(ids, s.accept("alice", hello))
		select {
		case copied := <-got:
			require.Contains(t, ids, strings.Fields(copied)[1])
			require.Contains(t, copied, "/copy ")
			require.Contains(t, copied, string(hello))
			return nil
		case <-time.After(time.Second):
			return errors.New("no copy came")
		}
	})
	require.Contains(t, string(s.get(bearer(s.token("alice")), "/v1/events/"+ids[0]).body), `"status":"accepted"`, "it was not taken")
	require.Zero(t, tap.stop())

	listener := start(t, s.dir, s.env, gatewayBinary, "listen", "--forward", server.URL+"/events", "--url", s.base)
	for _, id := range ids {
		for taken := ""; taken != "/events "+id+" "+string(hello); { // A last copy may have come.
			taken = <-got
			require.True(t, strings.HasPrefix(taken, "/copy ") || strings.Contains(taken, id), taken)
		}
		require.Equal(t, "from /events", s.awaitAnswer(id), "what the server says is the bot's answer")
	}
	require.Zero(t, listener.stop())
	require.Contains(t, listener.output.String(), "they are signed with whsec_")
	require.Contains(t, listener.output.String(), "command "+ids[0]+" alice: 200 in ")
}

// TestListenForTwoBots has a server for each of two bots, of which one says nothing: the other one's events are answered,
// and each gets its own.
func TestListenForTwoBots(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.writeWorkers(map[string][]string{"demo": nil, "other": nil})
	s.startEmbedded()
	may := make(chan struct{})
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/demo" {
			asked <- r.Header.Get("Ce-Id")
			select {
			case <-may:
			case <-r.Context().Done():
			}
		}
		_, _ = io.WriteString(w, r.URL.Path+" has "+r.Header.Get("Ce-Id"))
	}))
	t.Cleanup(server.Close)
	var listeners []*process
	for _, bot := range []string{"demo", "other"} {
		listeners = append(listeners, start(t, s.dir, s.env, gatewayBinary, "listen", "--bot", bot,
			"--forward", server.URL+"/"+bot, "--url", s.base, "--timeout", "10m"))
	}
	slow := s.job("demo", `{}`)
	require.Equal(t, slow, <-asked)
	for range 3 {
		id := s.job("other", `{}`)
		require.Equal(t, "/other has "+id, s.awaitAnswer(id))
	}
	close(may)
	require.Equal(t, "/demo has "+slow, s.awaitAnswer(slow))
	for _, l := range listeners {
		require.Zero(t, l.stop())
	}
}
