package payload_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/modules/internal/jsondoc"
	"github.com/botgate/botgate/modules/internal/payload"
	"github.com/botgate/botgate/modules/internal/unverified"
)

func request(contentType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return withVars(r)
}

// withVars prepares a request as the server does.
func withVars(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{}))
}

func TestBodyIsReadOnceAndStaysReadable(t *testing.T) {
	t.Parallel()
	r := request("application/json", `{"a": 1}`)
	first, err := payload.Of(r, nil, 100)
	require.NoError(t, err)
	second, err := payload.Of(r, nil, 100)
	require.NoError(t, err)
	require.Same(t, first, second)
	rest, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, `{"a": 1}`, string(rest), "reverse_proxy comes after us")
}

func TestSizeIsCapped(t *testing.T) {
	t.Parallel()
	for name, length := range map[string]int64{"declared": 11, "chunked": -1, "understated": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request("application/json", "0123456789x")
			r.ContentLength = length
			_, err := payload.Of(r, nil, 10)
			require.ErrorIs(t, err, payload.ErrTooLarge)
			require.Equal(t, http.StatusRequestEntityTooLarge, payload.Problem(err).Status)
		})
	}
	_, err := payload.Of(request("application/json", "0123456789"), nil, 10)
	require.NoError(t, err)
}

// TestADeclaredLengthCostsLittle guards against callers who declare much and send little.
func TestADeclaredLengthCostsLittle(t *testing.T) {
	r := request("application/json", "{")
	r.ContentLength = 25 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := payload.Of(r, nil, 25<<20)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

func TestALaterModuleMayAllowLess(t *testing.T) {
	t.Parallel()
	r := request("application/json", "0123456789")
	_, err := payload.Of(r, nil, 100)
	require.NoError(t, err)
	_, err = payload.Of(r, nil, 5)
	require.ErrorIs(t, err, payload.ErrTooLarge)
}

func TestCaddysOwnBodyLimitIsTooLarge(t *testing.T) {
	t.Parallel()
	r := request("application/json", "0123456789")
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, 3)
	_, err := payload.Of(r, nil, 100)
	require.ErrorIs(t, err, payload.ErrTooLarge)
}

func TestJSON(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contentType, body string
		want              error
	}{
		"json":             {"application/json", `{"a":1}`, nil},
		"charset":          {"application/json; charset=utf-8", `{"a":1}`, nil},
		"structured":       {"application/cloudevents+json", `{"a":1}`, nil},
		"unsigned form":    {"application/x-www-form-urlencoded", `x=1&payload=%7B%22a%22%3A1%7D`, payload.ErrMediaType},
		"JSON as a form":   {"application/x-www-form-urlencoded", `{"a":1}`, payload.ErrMediaType},
		"other charset":    {"application/json; charset=utf-16", `{"a":1}`, payload.ErrCharset},
		"UTF-7":            {`application/json; charset="UTF-7"`, `{"a":1}`, payload.ErrCharset},
		"empty":            {"application/json", ``, jsondoc.ErrNotJSON},
		"not json":         {"application/json", `hello`, jsondoc.ErrNotJSON},
		"two documents":    {"application/json", `{} {}`, jsondoc.ErrNotJSON},
		"no type":          {"", `{"a":1}`, payload.ErrMediaType},
		"text":             {"text/plain", `{"a":1}`, payload.ErrMediaType},
		"xml":              {"application/xml", `<a/>`, payload.ErrMediaType},
		"malformed header": {"application json", `{"a":1}`, payload.ErrMediaType},
		"empty charset":    {"application/json; charset=", `{"a":1}`, nil},
		"no charset":       {"application/json; charset", `{"a":1}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := payload.Of(request(c.contentType, c.body), nil, 1000)
			require.NoError(t, err)
			v, err := p.Parse(jsondoc.Limits{})
			require.ErrorIs(t, err, c.want)
			again, errAgain := p.Parse(jsondoc.Limits{})
			require.Equal(t, v, again)
			require.Equal(t, err, errAgain)
			if c.want == nil {
				_, ok := v.Root().Member("a")
				require.True(t, ok)
			}
		})
	}
}

func TestProblemStatuses(t *testing.T) {
	t.Parallel()
	for err, status := range map[error]int{
		payload.ErrTooLarge: 413, payload.ErrMediaType: 415, payload.ErrCharset: 415, unverified.ErrFull: 503, jsondoc.ErrNotJSON: 400, payload.ErrNotForm: 400, errors.New("reset"): 400,
	} {
		require.Equal(t, status, payload.Problem(err).Status)
	}
}

// TestHandlersWithDifferentLimits share one decoded document where they can.
func TestHandlersWithDifferentLimits(t *testing.T) {
	t.Parallel()
	p, err := payload.Of(request("application/json", `{"a":[1,2,3]}`), nil, 100)
	require.NoError(t, err)
	_, err = p.Parse(jsondoc.Limits{MaxItems: 2})
	require.ErrorIs(t, err, jsondoc.ErrTooComplex)
	first, err := p.Parse(jsondoc.Limits{MaxItems: 3})
	require.NoError(t, err)
	_, err = p.Parse(jsondoc.Limits{MaxDepth: 1})
	require.ErrorIs(t, err, jsondoc.ErrTooComplex, "a later handler may allow less")
	shared, err := p.Parse(jsondoc.Limits{})
	require.NoError(t, err, "what others refuse, and default limits, don't matter once it is decoded")

	require.Same(t, first, shared)
}

func TestForms(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"payload={}":                            "{}",
		"token=a%26b&payload=%7B%7D&trigger=":   "{}",
		"%70ayload=[1,+2]":                      "[1, 2]",
		strings.Repeat("x&", 999) + "payload=1": "1",
		strings.Repeat("x", 1000) + "&payload=": "",
	} {
		document, err := payload.FormField([]byte(body))
		require.NoError(t, err, body)
		require.Equal(t, want, string(document))
	}
	for _, body := range []string{"", "Payload={}", "payload={}&payload={}", "payload={}&%70ayload=", "payload=%", "%zz=1&payload={}", strings.Repeat("x&", 1000) + "payload=1"} {
		_, err := payload.FormField([]byte(body))
		require.ErrorIs(t, err, payload.ErrNotForm, body)
	}
}

// TestASignedFormIsRead by the modules that follow, and is no JSON where it has none.
func TestASignedFormIsRead(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]error{"payload=%7B%22a%22%3A1%7D": nil, "a=1": payload.ErrNotForm} {
		p, err := payload.Of(request("application/x-www-form-urlencoded", body), nil, 100)
		require.NoError(t, err)
		_, err = p.Settle(platform.Bodies{JSON: true, Payload: true, Form: true})
		require.NoError(t, err)
		_, err = p.Parse(jsondoc.Limits{})
		require.ErrorIs(t, err, want, body)
	}
	p, err := payload.Of(request("application/x-www-form-urlencoded", "payload=%7B%7D"), nil, 100)
	require.NoError(t, err)
	_, err = p.Settle(platform.Bodies{JSON: true, Form: true})
	require.NoError(t, err)
	_, err = p.Parse(jsondoc.Limits{})
	require.ErrorIs(t, err, payload.ErrNotForm, "the platform has no such field")
}

// TestASettledDocumentIsReadWithTheLimitsOfWhoAsks, and is settled although nobody here could use it.
func TestASettledDocumentIsReadWithTheLimitsOfWhoAsks(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	for body, want := range map[string][2]error{
		` {"a":1}`: {}, deep: {jsondoc.ErrTooComplex, nil}, `{"a":1,"a":2}`: {jsondoc.ErrNotJSON, jsondoc.ErrNotJSON},
	} {
		p, err := payload.Of(request("text/plain", body), nil, 200)
		require.NoError(t, err)
		document, err := p.Settle(platform.Bodies{JSON: true})
		require.NoError(t, err, body)
		require.Equal(t, body, string(document))
		for i, limits := range []jsondoc.Limits{{}, {MaxDepth: 100}} {
			_, err = p.Parse(limits)
			require.ErrorIs(t, err, want[i], body)
		}
	}
	p, err := payload.Of(request("text/plain", `{"a":1,}`), nil, 100)
	require.NoError(t, err)
	_, err = p.Settle(platform.Bodies{JSON: true})
	require.Error(t, err)
}

// TestSeveralContentTypes are refused: the next one who reads the request may go by the other.
func TestSeveralContentTypes(t *testing.T) {
	t.Parallel()
	r := request("application/json", "{}")
	r.Header.Add("Content-Type", "application/json")
	_, err := payload.Of(r, nil, 100)
	require.ErrorIs(t, err, payload.ErrTypes)
	require.Equal(t, http.StatusBadRequest, payload.Problem(err).Status)
}

// TestWithoutACapOfItsOwn a module has that of the one before it, and the first one the default.
func TestWithoutACapOfItsOwn(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", payload.DefaultMaxSize+1)
	_, err := payload.Of(request("text/plain", large), nil, 0)
	require.ErrorIs(t, err, payload.ErrTooLarge)
	r := request("text/plain", large)
	_, err = payload.Of(r, nil, 2*payload.DefaultMaxSize)
	require.NoError(t, err)
	_, err = payload.Of(r, nil, 0)
	require.NoError(t, err)
}

// FuzzForm compares with the standard library, which keeps every field.
func FuzzForm(f *testing.F) {
	for _, body := range []string{"payload={}", "a=b&%70ayload=%7B%7D&c", "payload=1&payload=2", "payload=%", "&&=&payload", "a;b=1&payload=x"} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		document, err := payload.FormField([]byte(body))
		form, errForm := url.ParseQuery(body)
		if err != nil {
			require.ErrorIs(t, err, payload.ErrNotForm)
			require.False(t, errForm == nil && len(form["payload"]) == 1 && len(form) < 1000, "only we refuse it")
			return
		}
		if errForm == nil {
			require.Equal(t, []string{string(document)}, form["payload"])
		}
	})
}
