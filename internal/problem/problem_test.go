package problem_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/problem"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	base := problem.New(http.StatusTooManyRequests, "rate-limited", "Too many requests.")
	answered := base.WithDetail("Wait %d s.", 2).WithRetryAfter(1100 * time.Millisecond).
		WithErrors([]problem.FieldError{{Pointer: "/a", Keyword: "type", Detail: "It must be a string."}})

	w := httptest.NewRecorder()
	require.NoError(t, answered.Write(w))
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Equal(t, "2", w.Header().Get("Retry-After"), "rounded up: coming back too early is refused again")
	require.Equal(t, problem.ContentType, w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.JSONEq(t, `{"type":"urn:botgate:problem:rate-limited","title":"Too many requests.","status":429,
		"detail":"Wait 2 s.","errors":[{"pointer":"/a","keyword":"type","detail":"It must be a string."}]}`, w.Body.String())
	require.Equal(t, "rate-limited", answered.Slug())
}

func TestCopiesLeaveTheOriginalAlone(t *testing.T) {
	t.Parallel()
	first := problem.Malformed.WithHeader("X-A", "1")
	second := first.WithHeader("X-A", "2").WithDetail("x")
	w := httptest.NewRecorder()
	require.NoError(t, first.Write(w))
	require.Equal(t, []string{"1"}, w.Header().Values("X-A"))
	w = httptest.NewRecorder()
	require.NoError(t, second.Write(w))
	require.Equal(t, []string{"1", "2"}, w.Header().Values("X-A"))
	plain, err := json.Marshal(problem.Malformed)
	require.NoError(t, err)
	require.NotContains(t, string(plain), "detail")
}

func TestRetryAfterIsAtLeastASecond(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	require.NoError(t, problem.Malformed.WithRetryAfter(0).Write(w))
	require.Equal(t, "1", w.Header().Get("Retry-After"))
}
