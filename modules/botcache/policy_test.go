package botcache

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"
)

func TestLifetimes(t *testing.T) {
	t.Parallel()
	const date = "Sun, 29 Nov 2026 12:00:00 GMT"
	operator := policy{lifetimes: lifetimes{time.Second, 2 * time.Second, 3 * time.Second}}
	for said, want := range map[string]lifetimes{
		"":                        {time.Second, 2 * time.Second, 3 * time.Second},
		"max-age=10":              {10 * time.Second, 2 * time.Second, 3 * time.Second},
		"max-age=10, s-maxage=20": {20 * time.Second, 2 * time.Second, 3 * time.Second},
		"max-age=10, stale-while-revalidate=4, stale-if-error=5": {10 * time.Second, 4 * time.Second, 5 * time.Second},
		"max-age=10, must-revalidate":                            {10 * time.Second, 0, 0},
		"max-age=10, proxy-revalidate, stale-if-error=5":         {10 * time.Second, 0, 0},
		"no-cache":               {},
		"max-age=99999999999999": {(1<<31 - 1) * time.Second, 2 * time.Second, 3 * time.Second},
	} {
		h := http.Header{"Cache-Control": {said}, "Etag": {`"1"`}}
		life, ok := operator.judge(http.MethodGet, false, http.StatusOK, h)
		require.True(t, ok, said)
		require.Equal(t, want, life, said)
	}
	for expires, fresh := range map[string]time.Duration{
		"Sun, 29 Nov 2026 12:00:30 GMT": 30 * time.Second, "Sun, 29 Nov 2026 11:00:00 GMT": 0, "0": 0,
		"Sun, 29 Nov 2099 12:00:00 GMT": maxLifetime,
	} {
		require.Equal(t, fresh, untilExpiry(http.Header{"Date": {date}, "Expires": {expires}}), expires)
	}
}

// FuzzCacheControl reads what clients and bots may send.
func FuzzCacheControl(f *testing.F) {
	for _, seed := range []string{"max-age=1", `private="a, b", no-store`, "no-cache=", "=", `max-age="`, "s-maxage=-1,,public"} {
		f.Add(seed, "a, *")
	}
	f.Fuzz(func(t *testing.T, said, vary string) {
		h := http.Header{"Cache-Control": {said}, "Vary": {vary}, "Expires": {said}, "Age": {said}}
		life, ok := policy{perCaller: true}.judge(http.MethodGet, true, http.StatusOK, h)
		if ok && (life.fresh < 0 || life.whileRevalidate < 0 || life.ifError < 0) {
			t.Fatalf("%+v of %q", life, said)
		}
		if w := wishOf(&http.Request{Header: h}); w.minFresh < 0 {
			t.Fatalf("%+v of %q", w, said)
		}
		if ageOf(h) < 0 {
			t.Fatalf("an age of %s of %q", ageOf(h), said)
		}
	})
}

// BenchmarkHit answers from what is kept, 1 KB of it.
func BenchmarkHit(b *testing.B) {
	h := &Handler{TTL: caddy.Duration(time.Hour)}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: b.Context()})
	defer cancel()
	require.NoError(b, h.Provision(ctx))
	bot := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/json")
		_, err := w.Write(make([]byte, 1024))
		return err
	})
	r := httptest.NewRequest(http.MethodGet, "/v1/bots/demo/status?of=all", nil)
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, &caddyhttp.Server{})
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, h.ServeHTTP(nowhere{}, r, bot))
	}
	require.NoError(b, h.Cleanup())
}
