package payload_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/jsondoc"
	"github.com/botgate/botgate/modules/internal/payload"
)

// codings are ways in which senders compress, by what they say in Content-Encoding.
var codings = map[string][]func(io.Writer) io.WriteCloser{
	"gzip":   {func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }},
	"x-gzip": {func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }},
	"br": {
		func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
		func(w io.Writer) io.WriteCloser {
			return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: 5, LGWin: 24})
		},
		func(w io.Writer) io.WriteCloser {
			return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: 11, LGWin: 18})
		},
		func(w io.Writer) io.WriteCloser {
			return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: 1, LGWin: 16})
		},
		func(w io.Writer) io.WriteCloser {
			return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: 5, LGWin: 10})
		},
	},
	"zstd": {
		func(w io.Writer) io.WriteCloser { return zstdWriter(w) },
		func(w io.Writer) io.WriteCloser {
			return zstdWriter(w, zstd.WithWindowSize(8<<20), zstd.WithEncoderLevel(zstd.SpeedBestCompression))
		},
		func(w io.Writer) io.WriteCloser { return zstdWriter(w, zstd.WithSingleSegment(true)) },
	},
}

func zstdWriter(w io.Writer, options ...zstd.EOption) io.WriteCloser {
	encoder, err := zstd.NewWriter(w, append(options, zstd.WithEncoderConcurrency(1))...)
	if err != nil {
		panic(err)
	}
	return encoder
}

func compress(t testing.TB, content []byte, with func(io.Writer) io.WriteCloser) []byte {
	t.Helper()
	var out bytes.Buffer
	w := with(&out)
	_, err := w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func compressed(coding string, body []byte) *http.Request {
	r := request("application/json", string(body))
	r.Header.Set("Content-Encoding", coding)
	return r
}

func TestContentCodings(t *testing.T) {
	t.Parallel()
	random := make([]byte, 70_000)
	source := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = "0123456789abcdef"[source.IntN(16)]
	}
	for _, content := range [][]byte{
		[]byte(`{"a":1}`), []byte(`"` + strings.Repeat("far apart and still the same ", 5_000) + `"`),
		[]byte(`"` + string(random) + string(random) + string(random) + `"`),
	} {
		for coding, writers := range codings {
			for i, with := range writers {
				body := compress(t, content, with)
				p, err := payload.Of(compressed(coding, body), nil, 1<<20)
				require.NoError(t, err)
				got, err := p.Content()
				require.NoError(t, err, "%s %d", coding, i)
				require.True(t, bytes.Equal(content, got), "%s %d", coding, i)
				require.Equal(t, body, p.Raw, "what was signed")
				_, err = p.Parse(jsondoc.Limits{})
				require.NoError(t, err)
			}
		}
	}
}

func TestContentWithoutCodingIsTheBody(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"", "identity", "Identity"} {
		p, err := payload.Of(compressed(coding, []byte("{}")), nil, 100)
		require.NoError(t, err)
		content, err := p.Content()
		require.NoError(t, err)
		require.Same(t, &p.Raw[0], &content[0], "it is not copied")
	}
}

func TestDecompressedSizeIsCapped(t *testing.T) {
	t.Parallel()
	content := []byte(`"` + strings.Repeat("a", 100_000-2) + `"`)
	for coding, writers := range codings {
		for i, with := range writers {
			body := compress(t, content, with)
			for size, want := range map[int64]error{100_000: nil, 99_999: payload.ErrTooLarge, 5000: payload.ErrTooLarge} {
				p, err := payload.Of(compressed(coding, body), nil, size)
				require.NoError(t, err)
				_, err = p.Content()
				require.ErrorIs(t, err, want, "%s %d %d", coding, i, size)
				_, err = p.Parse(jsondoc.Limits{})
				require.ErrorIs(t, err, want, "%s %d %d", coding, i, size)
			}
		}
	}
}

// TestALaterModuleMayDecompressLess has the cap of the module that allows least.
func TestALaterModuleMayDecompressLess(t *testing.T) {
	t.Parallel()
	body := compress(t, []byte(`"`+strings.Repeat("a", 10_000)+`"`), codings["gzip"][0])
	r := compressed("gzip", body)
	_, err := payload.Of(r, nil, 100_000)
	require.NoError(t, err)
	p, err := payload.Of(r, nil, 1000)
	require.NoError(t, err)
	_, err = p.Content()
	require.ErrorIs(t, err, payload.ErrTooLarge)

	r = compressed("gzip", body)
	p, err = payload.Of(r, nil, 100_000)
	require.NoError(t, err)
	_, err = p.Content()
	require.NoError(t, err)
	_, err = payload.Of(r, nil, 1000)
	require.ErrorIs(t, err, payload.ErrTooLarge)
}

func TestUnknownCodings(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"deflate", "gzip, br", "gzip,gzip", "compress", "GZIPPED"} {
		p, err := payload.Of(compressed(coding, []byte("{}")), nil, 100)
		require.NoError(t, err, "a signature can still be verified")
		_, err = p.Parse(jsondoc.Limits{})
		require.ErrorIs(t, err, payload.ErrEncoding)
		w := httptest.NewRecorder()
		require.NoError(t, payload.Problem(err).Write(w))
		require.Equal(t, http.StatusUnsupportedMediaType, w.Code)
		require.Equal(t, "gzip, br, zstd", w.Header().Get("Accept-Encoding"))
	}
}

func TestBrokenCompression(t *testing.T) {
	t.Parallel()
	for coding, writers := range codings {
		whole := compress(t, []byte(`{"a":"`+strings.Repeat("b", 1000)+`"}`), writers[0])
		for name, body := range map[string][]byte{"text": []byte(`{"a":1}`), "cut": whole[:len(whole)-3], "more": append(bytes.Clone(whole), "xyz"...)} {
			p, err := payload.Of(compressed(coding, body), nil, 1<<20)
			require.NoError(t, err)
			_, err = p.Content()
			require.ErrorIs(t, err, payload.ErrCompressed, "%s %s", coding, name)
			require.Equal(t, "malformed", payload.Problem(err).Slug())
		}
	}
}

func FuzzContent(f *testing.F) {
	for coding, writers := range codings {
		for _, with := range writers {
			f.Add(coding, compress(f, []byte(`{"a":[1,2,3],"b":"`+strings.Repeat("c", 500)+`"}`), with))
		}
	}
	f.Fuzz(func(t *testing.T, coding string, body []byte) {
		r := request("application/json", string(body))
		r.Header["Content-Encoding"] = []string{coding}
		p, err := payload.Of(r, nil, 4096)
		if err != nil {
			return
		}
		content, err := p.Content()
		if err != nil {
			require.NotEqual(t, "The body could not be read.", payload.Problem(err).Detail)
			return
		}
		require.LessOrEqual(t, len(content), 4096)
		// Neither the smaller window nor the pooled decoders may change what comes out.
		var plain io.Reader
		switch coding {
		case "br":
			plain = brotli.NewReader(bytes.NewReader(body))
		case "gzip":
			plain, err = gzip.NewReader(bytes.NewReader(body))
		case "zstd":
			plain, err = zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1))
		default:
			return
		}
		require.NoError(t, err)
		want, err := io.ReadAll(plain)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, content))
	})
}
