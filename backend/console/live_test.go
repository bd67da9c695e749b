package console_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStreamIsTheAPIs follows the stream of a page, as a browser does.
func TestStreamIsTheAPIs(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	server := httptest.NewServer(d.console)
	t.Cleanup(server.Close)
	ask := func(v *visitor, query string) (status int, contentType, line string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/console/stream"+query, nil)
		require.NoError(t, err)
		for _, c := range v.cookies {
			r.AddCookie(c)
		}
		response, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err)
		defer response.Body.Close()
		line, _ = bufio.NewReader(response.Body).ReadString('\n')
		return response.StatusCode, response.Header.Get("Content-Type"), line
	}
	status, contentType, line := ask(d.signIn(viewer), "?of=events&bot=demo")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "text/event-stream", contentType)
	require.Equal(t, "retry: 2000\n", line)

	refused := func(v *visitor, query string, want int) {
		status, _, _ := ask(v, query)
		require.Equal(t, want, status, query)
	}
	refused(d.signIn(viewer), "?of=events&last=nonsense", http.StatusBadRequest) // The API reads where to go on.
	refused(d.signIn(viewer), "?of=events&from=1h", http.StatusBadRequest)
	who := identity(viewer)
	who.Set("X-Botgate-Bot", "demo")
	refused(d.signInAs(who), "?of=events&bot=flaky", http.StatusForbidden)
	refused(d.signInAs(who), "?of=refusals&bot=flaky", http.StatusForbidden)
	refused(&visitor{d: d}, "?of=events", http.StatusSeeOther)

	for _, of := range []string{"jobs", "refusals"} {
		status, contentType, line := ask(d.signIn(operator), "?of="+of)
		require.Equal(t, http.StatusOK, status, of)
		require.Equal(t, "text/event-stream", contentType)
		require.Equal(t, "retry: 2000\n", line)
	}
	refused(d.signIn(viewer), "?of=jobs", http.StatusForbidden)
	refused(d.signIn(operator), "?of=jobs&id=nothing", http.StatusNotFound)
	refused(d.signIn(operator), "?of=refusals&id=x", http.StatusBadRequest)
	refused(d.signIn(operator), "?of=users", http.StatusNotFound)
	refused(d.signIn(operator), "", http.StatusNotFound)
}
