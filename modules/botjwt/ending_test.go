package botjwt

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/revocation"
)

// serving starts a server with the handler in front of another one.
func serving(t *testing.T, h *Handler, next http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, &caddyhttp.Server{})
		_ = h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			next(w, r)
			return nil
		}))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// endless answers in the way until the request's context ends, as reverse_proxy does, and then like it.
func endless(kind, length string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		if length != "" {
			w.Header().Set("Content-Length", length)
		}
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// get asks with a token, and returns the answer when it began.
func get(t *testing.T, method, url, token string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// soon is a token that expires in a moment.
func soon(t *testing.T) string {
	t.Helper()
	return sign(t, "HS256", nil, fresh(jwt.MapClaims{"exp": time.Now().Add(2 * time.Second).Unix()}))
}

func TestStreamsEndWithTheirToken(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		method, kind string
		want         error
	}{
		"events":             {http.MethodGet, "text/event-stream; charset=utf-8", nil},
		"events, as a reply": {http.MethodPost, "text/event-stream", nil},
		"anything else":      {http.MethodGet, "application/x-ndjson", io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response := get(t, tt.method, serving(t, withKey(t, Handler{}), endless(tt.kind, "")), soon(t)) //nolint:bodyclose // get closes it.
			require.Equal(t, http.StatusOK, response.StatusCode)
			body, err := io.ReadAll(response.Body)
			require.ErrorIs(t, err, tt.want)
			require.Equal(t, "begun", string(body))
		})
	}
}

// TestWaitingRequestsEndWithTheirToken has requests wait for something: the client is told why they end.
func TestWaitingRequestsEndWithTheirToken(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]func(w http.ResponseWriter){
		"canceled": func(w http.ResponseWriter) { w.WriteHeader(499) },
		"late": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			_, _ = io.Copy(w, strings.NewReader("secret"))
			_, _ = io.WriteString(w, "secret")
		},
		"broken off": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serving(t, withKey(t, Handler{}), func(w http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
				late(w)
			})
			response := get(t, http.MethodGet, url, soon(t)) //nolint:bodyclose // get closes it.
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, http.StatusUnauthorized, response.StatusCode)
			require.Contains(t, string(body), "The token has expired.")
			require.NotContains(t, string(body), "secret")
		})
	}
}

// TestWhatEndsByItselfGoesOn is a request that changes something, and an answer of a known length.
func TestWhatEndsByItselfGoesOn(t *testing.T) {
	t.Parallel()
	past := func(ctx context.Context) bool {
		timer := time.NewTimer(4 * time.Second)
		defer timer.Stop()
		select {
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for method, begin := range map[string]string{http.MethodPost: "", http.MethodGet: "be"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			url := serving(t, withKey(t, Handler{}), func(w http.ResponseWriter, r *http.Request) {
				if begin != "" {
					w.Header().Set("Content-Length", "5")
					_, _ = io.WriteString(w, begin)
					_ = http.NewResponseController(w).Flush()
				}
				if past(r.Context()) {
					_, _ = io.WriteString(w, "begun"[len(begin):])
				}
			})
			response := get(t, method, url, soon(t)) //nolint:bodyclose // get closes it.
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, "begun", string(body))
		})
	}
}

func TestStreamsEndWhenTheirTokenIsRevoked(t *testing.T) {
	t.Parallel()
	store := revocation.NewFile(filepath.Join(t.TempDir(), revocation.FileName))
	h := withKey(t, Handler{})
	h.revoked = revocation.Follow(store, 5*time.Millisecond, slog.New(slog.DiscardHandler))
	h.release = h.revoked.Close
	url := serving(t, h, endless("text/event-stream", ""))
	stream := func(jti, sub string) *bufio.Reader {
		claims := jwt.MapClaims{"jti": jti, "sub": sub, "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Add(-time.Hour).Unix()}
		response := get(t, http.MethodGet, url, sign(t, "HS256", nil, fresh(claims))) //nolint:bodyclose // get closes it.
		require.Equal(t, http.StatusOK, response.StatusCode)
		return bufio.NewReader(response.Body)
	}
	byID, byUser, other := stream("one", "bob"), stream("two", "eve"), stream("three", "ada")
	until := time.Now().Add(time.Hour)
	require.NoError(t, store.Revoke(t.Context(), revocation.Entry{JTI: "one", Until: until},
		revocation.Entry{Subject: "eve", Before: time.Now(), Until: until}))
	for _, ended := range []*bufio.Reader{byID, byUser} {
		_, err := io.ReadAll(ended)
		require.NoError(t, err)
	}
	require.NoError(t, store.Revoke(t.Context(), revocation.Entry{JTI: "three", Until: until}))
	body, err := io.ReadAll(other)
	require.NoError(t, err)
	require.Equal(t, "begun", string(body))
}

// TestSlowReaderHoldsNothingUp has a client read nothing of its stream.
func TestSlowReaderHoldsNothingUp(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	url := serving(t, withKey(t, Handler{}), func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})
	get(t, http.MethodGet, url, soon(t)) //nolint:bodyclose // get closes it.
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("it still writes")
	}
}

// TestOtherPanicsStayPanics is about a handler's own mistakes.
func TestOtherPanicsStayPanics(t *testing.T) {
	t.Parallel()
	h := withKey(t, Handler{})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+soon(t))
	w := httptest.NewRecorder()
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, &caddyhttp.Server{})
	require.PanicsWithValue(t, "mistake", func() {
		_ = h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			panic("mistake")
		}))
	})
}
