package botschema

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/payload"
)

// provisioned returns the handler as a configuration with these options has it.
func provisioned(t testing.TB, h *Handler) *Handler {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	t.Cleanup(func() { require.NoError(t, h.Cleanup()) })
	require.NoError(t, h.Provision(ctx))
	require.NoError(t, h.Validate())
	return h
}

// post sends the handler a body, and returns the answer and what the next handler read.
func post(t testing.TB, h *Handler, contentType, body string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	return postAfter(t, h, contentType, body, func(*http.Request) {})
}

// postAfter does the same after what another handler did with the request.
func postAfter(t testing.TB, h *Handler, contentType, body string, before func(*http.Request)) (*httptest.ResponseRecorder, string) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, &caddyhttp.Server{})
	before(r)
	var passed string
	err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		raw, err := io.ReadAll(r.Body)
		passed = string(raw)
		return err
	}))
	require.NoError(t, err)
	return w, passed
}

func TestPassesAndKeepsTheBody(t *testing.T) {
	t.Parallel()
	h := provisioned(t, &Handler{Schema: "command.v1.json"})
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8", "application/cloudevents+json"} {
		body := `{ "command":"hello",  "args":{"n":1.0} }`
		w, passed := post(t, h, contentType, body)
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, body, passed)
	}
}

// TestFormOfAPlatform is read where a platform signed it, and refused where nobody did.
func TestFormOfAPlatform(t *testing.T) {
	t.Parallel()
	h := provisioned(t, &Handler{Schema: "github.json"})
	signed := func(r *http.Request) {
		body, err := payload.Of(r, nil, 0)
		require.NoError(t, err)
		_, err = body.Settle(platform.Bodies{JSON: true, Payload: true, Form: true})
		require.NoError(t, err)
	}
	const form = "application/x-www-form-urlencoded"
	w, passed := postAfter(t, h, form, "payload=%7B%22zen%22%3A%22x%22%7D", signed)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "payload=%7B%22zen%22%3A%22x%22%7D", passed)
	w, _ = postAfter(t, h, form, "payload=%7B%7D", signed)
	require.Equal(t, http.StatusUnprocessableEntity, w.Code)
	w, _ = postAfter(t, h, form, "other=1", signed)
	require.Equal(t, http.StatusBadRequest, w.Code)
	w, _ = post(t, h, form, "payload=%7B%22zen%22%3A%22x%22%7D")
	require.Equal(t, http.StatusUnsupportedMediaType, w.Code)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := provisioned(t, &Handler{Schema: "command.v1.json", MaxSize: 64})
	for name, tc := range map[string]struct {
		contentType, body string
		status            int
		slug              string
	}{
		"empty":        {"application/json", "", 400, "malformed"},
		"not JSON":     {"application/json", "{", 400, "malformed"},
		"two values":   {"application/json", "{} {}", 400, "malformed"},
		"wrong type":   {"text/plain", `{"command": "a"}`, 415, "unsupported-type"},
		"no type":      {"", `{"command": "a"}`, 415, "unsupported-type"},
		"too large":    {"application/json", `{"command": "` + strings.Repeat("a", 64) + `"}`, 413, "too-large"},
		"not the form": {"application/json", `{"text": "TOPSECRET"}`, 422, "schema-violation"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, passed := post(t, h, tc.contentType, tc.body)
			require.Equal(t, tc.status, w.Code)
			require.Equal(t, problem.ContentType, w.Header().Get("Content-Type"))
			require.Contains(t, w.Body.String(), "urn:botgate:problem:"+tc.slug)
			require.NotContains(t, w.Body.String(), "TOPSECRET")
			require.Empty(t, passed)
		})
	}
}

func TestProblemBody(t *testing.T) {
	t.Parallel()
	h := provisioned(t, &Handler{Schema: "command.v1.json"})
	w, _ := post(t, h, "application/json", `{"command": 7}`)
	require.JSONEq(t, `{"type": "urn:botgate:problem:schema-violation", "title": "The request body does not match the schema.", "status": 422,
		"errors": [{"pointer": "/command", "keyword": "type", "detail": "This must be of type string, not number."}]}`, w.Body.String())

	w, _ = post(t, h, "application/json", `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1}`)
	var answer problem.Problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.Len(t, answer.Errors, 10)
	require.Equal(t, "There may be more errors than the 10 listed.", answer.Detail)
}

// TestOutcomesAreCounted is not parallel: the counters are those of the process.
func TestOutcomesAreCounted(t *testing.T) {
	h := provisioned(t, &Handler{Schema: "command.v1.json"})
	passed, refused := counted(t, "passed"), counted(t, "schema-violation")
	post(t, h, "application/json", `{"command": "a"}`)
	post(t, h, "application/json", `{}`)
	require.Equal(t, passed+1, counted(t, "passed"))
	require.Equal(t, refused+1, counted(t, "schema-violation"))
}

func counted(t *testing.T, outcome string) int {
	t.Helper()
	var m dto.Metric
	require.NoError(t, requestsTotal.WithLabelValues(outcome, modeEnforce).Write(&m))
	return int(m.GetCounter().GetValue())
}

func TestProvisionErrors(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]*Handler{
		"name the schema":      {},
		`schema "absent.json"`: {Schema: "absent.json"},
		"folder: open /none":   {Schema: "a.json", Folder: "/none"},
	} {
		ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
		err := h.Provision(ctx)
		cancel()
		require.ErrorContains(t, err, "bot_schema: ")
		require.ErrorContains(t, err, want)
	}
	require.ErrorContains(t, (&Handler{MaxSize: -1}).Validate(), "option max_size")
}
