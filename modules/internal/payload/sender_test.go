package payload_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/andybalholm/brotli"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/payload"
	"github.com/botgate/botgate/modules/internal/unverified"
)

const (
	budgetSize = 2 << 20
	large      = 600 << 10
)

// stranger makes a request from an address.
func stranger(address string, body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/json")
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), httptest.NewRecorder(), &caddyhttp.Server{})
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, address)
	return r
}

func spaces(n int) io.Reader { return strings.NewReader(strings.Repeat(" ", n)) }

// requireFree checks that nothing is held: one address can have half.
func requireFree(t *testing.T, budget *unverified.Budget) {
	t.Helper()
	lease := budget.Lease("198.51.100.1")
	require.NoError(t, lease.Hold(budgetSize/2+unverified.Free))
	lease.Release()
}

func TestBodiesOfStrangersCount(t *testing.T) {
	t.Parallel()
	budget := unverified.New(budgetSize)
	first := stranger("192.0.2.1", spaces(large))
	_, err := payload.Of(first, budget, budgetSize)
	require.NoError(t, err)
	_, err = payload.Of(stranger("192.0.2.1", spaces(large)), budget, budgetSize)
	require.ErrorIs(t, err, unverified.ErrFull)
	w := httptest.NewRecorder()
	require.NoError(t, payload.Problem(err).Write(w))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "5", w.Header().Get("Retry-After"))
	_, err = payload.Of(stranger("192.0.2.1", spaces(unverified.Free-1)), budget, budgetSize)
	require.NoError(t, err, "a small body of the same address")
	other := stranger("192.0.2.2", spaces(200<<10))
	_, err = payload.Of(other, budget, budgetSize)
	require.NoError(t, err, "a body of another address")

	payload.Trust(first)
	payload.Release(other)
	payload.Release(other)
	requireFree(t, budget)
}

// TestADeclaredLengthHoldsNothing before the bytes are there; one that finds no room is refused before.
func TestADeclaredLengthHoldsNothing(t *testing.T) {
	t.Parallel()
	budget := unverified.New(budgetSize)
	for range 3 {
		r := stranger("192.0.2.1", spaces(1000))
		r.ContentLength = budgetSize / 2
		_, err := payload.Of(r, budget, budgetSize)
		require.NoError(t, err)
	}
	r := stranger("192.0.2.1", iotest.ErrReader(errors.New("the body is read")))
	r.ContentLength = budgetSize
	_, err := payload.Of(r, budget, budgetSize)
	require.ErrorIs(t, err, unverified.ErrFull)
	requireFree(t, budget)
}

// TestSendersWhoAreKnown do not count, whoever found out.
func TestSendersWhoAreKnown(t *testing.T) {
	t.Parallel()
	budget := unverified.New(1)
	trusted := stranger("192.0.2.1", spaces(large))
	payload.Trust(trusted)
	_, err := payload.Of(trusted, budget, budgetSize)
	require.NoError(t, err)
	user := stranger("192.0.2.1", spaces(large))
	user.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Set("http.auth.user.id", "alice")
	_, err = payload.Of(user, budget, budgetSize)
	require.NoError(t, err)
}

// TestWhatFailsIsGivenBack at once: nobody releases a body that there is not.
func TestWhatFailsIsGivenBack(t *testing.T) {
	t.Parallel()
	broken := errors.New("reset")
	for name, tt := range map[string]struct {
		body io.Reader
		max  int64
		want error
	}{
		"reset":     {io.MultiReader(spaces(large), iotest.ErrReader(broken)), budgetSize, broken},
		"too large": {spaces(large), large - 1, payload.ErrTooLarge},
		"no room":   {spaces(budgetSize), budgetSize, unverified.ErrFull},
	} {
		budget := unverified.New(budgetSize)
		_, err := payload.Of(stranger("192.0.2.1", tt.body), budget, tt.max)
		require.ErrorIs(t, err, tt.want, name)
		requireFree(t, budget)
	}
}

// TestDecompressedBytesCount as the bytes do that were sent.
func TestDecompressedBytesCount(t *testing.T) {
	t.Parallel()
	content := []byte(`"` + strings.Repeat("far apart and still the same ", 30_000) + `"`)
	for coding, with := range map[string]func(io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"br":   func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
		"zstd": func(w io.Writer) io.WriteCloser { return zstdWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest)) },
	} {
		for limit, want := range map[int64]error{1 << 20: unverified.ErrFull, 8 << 20: nil} {
			budget := unverified.New(limit)
			r := stranger("192.0.2.1", bytes.NewReader(compress(t, content, with)))
			r.Header.Set("Content-Encoding", coding)
			p, err := payload.Of(r, budget, budgetSize)
			require.NoError(t, err)
			_, err = p.Content()
			require.ErrorIs(t, err, want, "%s %d", coding, limit)
			payload.Release(r)
			lease := budget.Lease("a")
			require.NoError(t, lease.Hold(limit/2+unverified.Free), coding)
		}
	}
}

// TestWhatDecompressesToFarMore is refused, whatever the cap.
func TestWhatDecompressesToFarMore(t *testing.T) {
	t.Parallel()
	zeros := func(n int) []byte {
		return compress(t, make([]byte, n), func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
	}
	for n, want := range map[int]error{1 << 20: nil, 4 << 20: payload.ErrTooLarge} {
		p, err := payload.Of(compressed("gzip", zeros(n)), nil, 100<<20)
		require.NoError(t, err)
		_, err = p.Content()
		require.ErrorIs(t, err, want)
	}
}
