package botschema

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testlog"
)

// folderOf makes a folder with these files.
func folderOf(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

// write replaces a file in one step.
func write(t testing.TB, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

// send sends a request with these headers, and returns the answer and whether the next
// handler got the request.
func send(t testing.TB, h *Handler, body string, header ...string) (*httptest.ResponseRecorder, bool) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	repl := caddyhttp.NewTestReplacer(r)
	r = caddyhttp.PrepareRequest(r, repl, w, &caddyhttp.Server{})
	passed := false
	require.NoError(t, h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		passed = true
		return nil
	})))
	return w, passed
}

func TestChosenByHeader(t *testing.T) {
	t.Parallel()
	dir := folderOf(t, map[string]string{"github/push.json": `{"required": ["ref"]}`, "github/ping.json": `{"required": ["zen"]}`, "secret.json": `{}`})
	h := provisioned(t, &Handler{Schema: "github/{http.request.header.X-GitHub-Event}.json", Folder: dir})
	for event, want := range map[string]int{"push": 200, "ping": 422, "fork": 422, "../secret": 422, "": 422} {
		w, passed := send(t, h, `{"ref": "main"}`, "X-GitHub-Event", event)
		require.Equal(t, want, w.Code, event)
		require.Equal(t, want == 200, passed)
		if event != "push" && event != "ping" {
			require.JSONEq(t, `{"type": "urn:botgate:problem:unknown-schema", "title": "There is no schema for this kind of request.", "status": 422}`, w.Body.String())
		}
	}
	h = provisioned(t, &Handler{Schema: h.Schema, Folder: dir, OnUnknown: "pass"})
	_, passed := send(t, h, `{"ref": "main"}`, "X-GitHub-Event", "fork")
	require.True(t, passed)
	w, passed := send(t, h, `{"ref": "main"`, "X-GitHub-Event", "fork")
	require.False(t, passed)
	require.Equal(t, http.StatusBadRequest, w.Code)
}

func TestChosenByMember(t *testing.T) {
	t.Parallel()
	dir := folderOf(t, map[string]string{"api.json": `{"openapi": "3.1.0", "components": {"schemas": {
		"order": {"required": ["id"]}, "7": {"required": ["seven"]}}}}`})
	h := provisioned(t, &Handler{Schema: "api.json#/components/schemas/{payload.event.type}", Folder: dir})
	for body, want := range map[string]string{
		`{"event": {"type": "order"}, "id": 1}`: "",
		`{"event": {"type": "order"}}`:          `The property \"id\" is missing.`,
		`{"event": {"type": 7}}`:                `The property \"seven\" is missing.`,
		`{"event": {"type": 7.0}}`:              "unknown-schema",
		`{"event": {"type": ["order"]}}`:        "unknown-schema",
		`{"event": {"type": "Order"}}`:          "unknown-schema",
		`{"event": "order"}`:                    "unknown-schema",
		`[]`:                                    "unknown-schema",
	} {
		w, passed := send(t, h, body)
		require.Equal(t, want == "", passed, body)
		require.Contains(t, w.Body.String(), want, body)
	}
}

func TestOptionsAreEnforced(t *testing.T) {
	t.Parallel()
	dir := folderOf(t, map[string]string{"s.json": `{"format": "ipv4", "items": {"type": "string"}}`})
	h := provisioned(t, &Handler{Schema: "s.json", Folder: dir, Formats: "assert", MaxDepth: 1, MaxMembers: 1, MaxItems: 3, MaxNumber: 2, MaxErrors: 2})
	for body, want := range map[string]string{
		`"127.0.0.1"`:   "",
		`"localhost"`:   `"keyword":"format"`,
		`[[]]`:          `{"pointer":"/0","keyword":"max_depth","detail":"This is nested deeper than 1 levels."}`,
		`{"a":1,"b":2}`: `"keyword":"max_members"`,
		`["","","",""]`: `"keyword":"max_items"`,
		`{"a":123}`:     `"pointer":"/a","keyword":"max_number"`,
		`[1,2,3]`:       "There may be more errors than the 2 listed.",
		`{"a":1,"a":1}`: "a member occurs twice",
		"\"\xff\"":      "not valid UTF-8",
	} {
		w, passed := send(t, h, body)
		require.Equal(t, want == "", passed, body)
		require.Contains(t, w.Body.String(), want, body)
	}
}

func TestReportOnly(t *testing.T) {
	t.Parallel()
	dir := folderOf(t, map[string]string{"a.json": `{"properties": {"n": {"type": "integer"}}}`})
	h := provisioned(t, &Handler{Schema: "{http.request.header.Kind}.json", Folder: dir, ReportOnly: true, MaxSize: 100})
	var log testlog.Buffer
	h.logger = log.Logger()
	for _, c := range []struct{ body, kind, logged string }{
		{`{"n": "SECRET"}`, "a", `level=INFO msg="request body would be refused" reason=schema-violation errors=1 pointer=/n keyword=type`},
		{`{"n": "SECRET"}`, "b", `reason=unknown-schema errors=0 pointer="" keyword=""`},
		{strings.Repeat("[", 80), "a", "reason=too-complex errors=1 pointer=/0/0"},
		{`{"n": SECRET}`, "a", "reason=malformed"},
		{``, "a", "reason=malformed"},
	} {
		w, passed := send(t, h, c.body, "Kind", c.kind)
		require.True(t, passed, c.body)
		require.Equal(t, http.StatusOK, w.Code)
		require.Contains(t, log.String(), c.logged)
	}
	_, passed := send(t, h, `{"n": "SECRET"}`, "Kind", "a", "Content-Type", "text/plain")
	require.True(t, passed)
	require.Contains(t, log.String(), "reason=unsupported-type")
	require.NotContains(t, log.String(), "SECRET")

	for name, c := range map[string]struct{ body, coding string }{
		"as sent":      {`{"n": "` + strings.Repeat("a", 100) + `"}`, ""},
		"decompressed": {gzipped(t, `{"n": "`+strings.Repeat("a", 1000)+`"}`), "gzip"},
	} {
		w, passed := send(t, h, c.body, "Kind", "a", "Content-Encoding", c.coding)
		require.False(t, passed, name)
		require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	}
}

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.String()
}

func TestCompressedBodies(t *testing.T) {
	t.Parallel()
	h := provisioned(t, &Handler{Schema: "command.v1.json"})
	w, passed := send(t, h, gzipped(t, `{"command": "hello"}`), "Content-Encoding", "gzip")
	require.True(t, passed, w.Body.String())
	w, passed = send(t, h, gzipped(t, `{"command": 7}`), "Content-Encoding", "gzip")
	require.False(t, passed)
	require.Contains(t, w.Body.String(), "/command")
	w, passed = send(t, h, `{"command": "hello"}`, "Content-Encoding", "deflate")
	require.False(t, passed)
	require.Equal(t, http.StatusUnsupportedMediaType, w.Code)
	require.Equal(t, "gzip, br, zstd", w.Header().Get("Accept-Encoding"))
}

// TestChangedFilesAreFollowed changes, breaks, adds and removes schemas.
func TestChangedFilesAreFollowed(t *testing.T) {
	t.Parallel()
	dir := folderOf(t, map[string]string{"a.json": `{"$ref": "parts/n.json"}`, "parts/n.json": `{"required": ["one"]}`})
	h := &Handler{Schema: "{http.request.header.Kind}.json", Folder: dir, interval: 5 * time.Millisecond}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	require.NoError(t, h.Provision(ctx))
	t.Cleanup(func() { require.NoError(t, h.Cleanup()) })
	await := func(kind, want string) {
		t.Helper()
		require.Eventually(t, func() bool {
			w, _ := send(t, h, `{}`, "Kind", kind)
			return strings.Contains(w.Body.String(), want)
		}, time.Minute, time.Millisecond)
	}
	await("a", `\"one\"`)
	write(t, filepath.Join(dir, "parts/n.json"), `{"required": ["two"]}`)
	await("a", `\"two\"`)
	write(t, filepath.Join(dir, "b.json"), `{"required": ["three"]}`)
	await("b", `\"three\"`)
	write(t, filepath.Join(dir, "a.json"), `{"type": "strin"}`)
	write(t, filepath.Join(dir, "c.json"), `{}`)
	await("a", `\"two\"`)
	write(t, filepath.Join(dir, "a.json"), `{"required": ["four"]}`)
	await("a", `\"four\"`)
	require.NoError(t, os.Remove(filepath.Join(dir, "b.json")))
	await("b", "unknown-schema")
}

// TestNoRequestIsLostToAChange has requests under way while schemas change.
func TestNoRequestIsLostToAChange(t *testing.T) {
	t.Parallel()
	dir := folderOf(t, map[string]string{"a.json": `{"title": "0"}`})
	h := &Handler{Schema: "a.json", Folder: dir, interval: time.Millisecond}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	require.NoError(t, h.Provision(ctx))
	t.Cleanup(func() { require.NoError(t, h.Cleanup()) })
	first := h.set.Get()
	for changes := range 200 {
		if changes%10 == 0 {
			write(t, filepath.Join(dir, "a.json"), `{"title": "`+strings.Repeat("x", changes)+`"}`)
		}
		_, passed := send(t, h, `{}`)
		require.True(t, passed)
	}
	require.Eventually(t, func() bool { return h.set.Get() != first }, time.Minute, time.Millisecond)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]*Handler{
		"option on_unknown: there are reject and pass": {OnUnknown: "drop"},
		"option formats: there is only assert":         {OnUnknown: "pass", Formats: "yes"},
		"option max_errors: must be from 1 to 100":     {OnUnknown: "pass", MaxErrors: 101},
		"option max_depth: must be from 1 to 1000":     {OnUnknown: "pass", MaxDepth: -1},
	} {
		require.ErrorContains(t, h.Validate(), want)
	}
}
