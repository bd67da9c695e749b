package botsignature

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/unverified"
)

// TestNothingIsReadOfStrangers where the proof is in a header.
func TestNothingIsReadOfStrangers(t *testing.T) {
	t.Parallel()
	h := load(t, &Handler{Platform: "telegram", Platforms: map[string]*PlatformConfig{
		"telegram": {Files: []string{writeFile(t, "token-of-telegram")}},
	}})
	r := httptest.NewRequest(http.MethodPost, "/hooks/demo/telegram", iotest.ErrReader(errors.New("the body is read")))
	r.Header.Set("X-Telegram-Bot-Api-Secret-Token", "guessed")
	w, p := send(t, h, r)
	require.Equal(t, http.StatusUnauthorized, w.Code)
	require.False(t, p.reached)

	r = httptest.NewRequest(http.MethodPost, "/hooks/demo/telegram", strings.NewReader(`{"update_id":1,"message":{"from":{"id":42}}}`))
	r.Header.Set("X-Telegram-Bot-Api-Secret-Token", "token-of-telegram")
	w, p = send(t, h, r)
	require.True(t, p.reached, "%s", w.Body)
	require.Equal(t, "42", p.get("http.bot.user"))
}

// TestEachPlatformHasASize of its own, unless one is configured.
func TestEachPlatformHasASize(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ configured, largest int64 }{
		"github": {0, 25_000_000}, "meta": {0, 4_000_000}, "line": {0, 1_000_000}, "stripe": {2_000_000, 2_000_000},
	} {
		h := load(t, &Handler{Platform: name, MaxSize: tt.configured, Platforms: map[string]*PlatformConfig{
			name: {Files: []string{writeFile(t, githubSecret)}},
		}})
		for size, status := range map[int64]int{tt.largest: 401, tt.largest + 1: 413} {
			r := signed(t, name, githubSecret, "{}")
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(make([]byte, size))), size
			w, _ := send(t, h, r)
			require.Equal(t, status, w.Code, "%s %d", name, size)
		}
	}
}

// TestBodiesThatAreRefusedHoldNothing, and neither do those that were verified while they are handled.
func TestBodiesThatAreRefusedHoldNothing(t *testing.T) {
	t.Parallel()
	h := handler(t)
	h.MaxSize, h.budget = 1<<20, unverified.New(1<<20)
	t.Cleanup(func() { h.budget = nil })
	large := `{"a":"` + strings.Repeat("x", 600<<10) + `"}`
	for range 3 {
		r := signed(t, "github", githubSecret, large)
		r.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))
		w, _ := send(t, h, r)
		require.Equal(t, http.StatusUnauthorized, w.Code)
	}
	w, p := send(t, h, signed(t, "github", githubSecret, large))
	require.True(t, p.reached, "%s", w.Body)
	require.Equal(t, large, p.body)

	stranger := h.budget.Lease("192.0.2.1")
	require.NoError(t, stranger.Hold(600<<10))
	w, _ = send(t, h, signed(t, "github", githubSecret, large))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "5", w.Header().Get("Retry-After"))
	require.Contains(t, w.Body.String(), "urn:botgate:problem:overloaded")
	stranger.Release()
}

// TestSeveralContentTypes are refused, though signed.
func TestSeveralContentTypes(t *testing.T) {
	t.Parallel()
	r := signed(t, "github", githubSecret, `{"a":1}`)
	r.Header.Add("Content-Type", "text/plain")
	w, p := send(t, handler(t), r)
	require.False(t, p.reached)
	require.Equal(t, http.StatusBadRequest, w.Code)
}
