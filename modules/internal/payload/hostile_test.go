package payload_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/modules/internal/jsondoc"
	"github.com/botgate/botgate/modules/internal/payload"
)

// maxHostileBytes is what refusing a hostile body may take: 2 MB.
const maxHostileBytes = 2 << 20

// hostile is a body that must be refused at little cost, with the default limits.
type hostile struct {
	name, coding string
	body         []byte
	// chunked means that the length is not declared.
	chunked bool
	want    error
}

func hostiles(t testing.TB) []hostile {
	t.Helper()
	zeros := make([]byte, 16<<20)
	bombs := func(coding string, with func(io.Writer) io.WriteCloser) hostile {
		return hostile{name: coding + " bomb of 16 MB", coding: coding, body: compress(t, zeros, with), want: payload.ErrTooLarge}
	}
	var keys strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&keys, `"%d":0,`, i)
	}
	digits := bytes.Repeat([]byte("9"), 10<<20)
	return []hostile{
		bombs("gzip", func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
		bombs("br", func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) }),
		bombs("zstd", func(w io.Writer) io.WriteCloser { return zstdWriter(w, zstd.WithWindowSize(8<<20)) }),
		{name: "1 MB of [", body: bytes.Repeat([]byte("["), 1<<20), want: jsondoc.ErrTooComplex},
		{name: "1 MB of [ chunked", body: bytes.Repeat([]byte("["), 1<<20), chunked: true, want: jsondoc.ErrTooComplex},
		{name: `1 MB of {"a":`, body: bytes.Repeat([]byte(`{"a":`), (1<<20)/5), want: jsondoc.ErrTooComplex},
		{name: "100000 keys", body: []byte("{" + keys.String() + `"a":0}`), want: jsondoc.ErrTooComplex},
		{name: "10 MB number", body: digits, want: payload.ErrTooLarge},
		{name: "10 MB number chunked", body: digits, chunked: true, want: payload.ErrTooLarge},
		{name: "1 MB number", body: digits[:1<<20], want: jsondoc.ErrTooComplex},
		{name: "1 MB of form fields", coding: "form", body: bytes.Repeat([]byte("%61&"), (1<<20)/4), want: payload.ErrUnexpected},
	}
}

// refuse sends the body, as the handlers do, and returns why it is refused.
func (h hostile) refuse(r *http.Request) error {
	p, err := payload.Of(r, nil, payload.DefaultMaxSize)
	if err != nil {
		return err
	}
	if h.coding == "form" {
		_, err = p.Settle(platform.Bodies{JSON: true, Payload: true})
		return err
	}
	_, err = p.Parse(jsondoc.Limits{})
	return err
}

func (h hostile) request() *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(bytes.NewReader(h.body)))
	r.ContentLength = int64(len(h.body))
	if h.chunked {
		r.ContentLength = -1
	}
	r.Header.Set("Content-Type", "application/json")
	switch h.coding {
	case "":
	case "form":
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	default:
		r.Header.Set("Content-Encoding", h.coding)
	}
	return withVars(r)
}

// TestHostileBodiesCostLittle measures what is allocated altogether, and not only what is
// in use at once.
func TestHostileBodiesCostLittle(t *testing.T) {
	for _, h := range hostiles(t) {
		require.ErrorIs(t, h.refuse(h.request()), h.want, "%s: decompressors are pooled", h.name)
		r := h.request()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := h.refuse(r)
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, h.want, h.name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(maxHostileBytes), h.name)
	}
}

// BenchmarkHostile has the time and memory that refusing each body takes.
func BenchmarkHostile(b *testing.B) {
	for _, h := range hostiles(b) {
		b.Run(strings.ReplaceAll(h.name, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if h.refuse(h.request()) == nil {
					b.Fatal("it must be refused")
				}
			}
		})
	}
}
