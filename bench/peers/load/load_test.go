package load

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadAnswer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		status int
		err    string
	}{
		"length":        {"HTTP/1.1 202 Accepted\r\ncontent-length: 5\r\n\r\nhello", 202, ""},
		"chunks":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n", 200, ""},
		"no body":       {"HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
		"closes":        {"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n", 503, errClosing.Error()},
		"no HTTP":       {"hello\r\n", 0, "no answer of HTTP/1.1"},
		"no status":     {"HTTP/1.1 abc\r\n", 0, "no status"},
		"wrong length":  {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", 200, "content length"},
		"cut off":       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", 200, "EOF"},
		"wrong chunk":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 200, "a chunk's size"},
		"cut off early": {"HTTP/1.1 200 OK\r\nA: b", 200, "reading the header"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const next = "HTTP/1.1 418 I'm a teapot\r\n\r\n"
			r := bufio.NewReader(strings.NewReader(test.answer + map[bool]string{true: next}[test.err == ""]))
			status, err := readAnswer(r)
			require.Equal(t, test.status, status)
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			status, err = readAnswer(r)
			require.NoError(t, err)
			require.Equal(t, http.StatusTeapot, status)
		})
	}
}

func TestRunSendsAllRequestsOverConnectionsThatStayOpen(t *testing.T) {
	t.Parallel()
	var served, connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Query().Get("status"))
		body, _ := io.ReadAll(r.Body)
		if string(body) != "hello" {
			status = http.StatusBadRequest
		}
		served.Add(1)
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	request := func(status int) []byte {
		return []byte("POST /?status=" + strconv.Itoa(status) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
	}
	config := Config{
		Address: server.Listener.Addr().String(), Connections: 3, Duration: 300 * time.Millisecond, Accepted: http.StatusAccepted,
		Requests: [][]byte{request(http.StatusAccepted), request(http.StatusTooManyRequests)},
	}
	result, err := Run(t.Context(), config)
	require.NoError(t, err)
	require.EqualValues(t, 3, connections.Load())
	require.EqualValues(t, served.Load(), len(result.Latencies)+result.Unexpected[http.StatusTooManyRequests])
	require.Len(t, result.Unexpected, 1)
	require.NotEmpty(t, result.Latencies)
	require.LessOrEqual(t, result.Latencies[0], result.Latencies[len(result.Latencies)-1])
	require.GreaterOrEqual(t, result.Took, config.Duration)

	status, err := Once(t.Context(), config.Address, request(http.StatusUnauthorized))
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status)
}

func TestAConnectionThatBreaksIsAnError(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer server.Close()
	_, err := Run(t.Context(), Config{
		Address: server.Listener.Addr().String(), Connections: 1, Duration: time.Minute,
		Requests: [][]byte{[]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")},
	})
	require.ErrorContains(t, err, "a connection broke")
	server.Close()
	_, err = Once(t.Context(), server.Listener.Addr().String(), nil)
	require.ErrorContains(t, err, "connecting")
}
