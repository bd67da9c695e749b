package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/botgate/botgate/backend/api/openapitest"
	"github.com/botgate/botgate/backend/eventjson"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

const metaschema = "https://spec.openapis.org/oas/3.1/schema/WORK-IN-PROGRESS"

// elsewhere are operations that others than the API answer.
var elsewhere = []string{"POST /v1/bots/{bot}/commands", "GET /healthz", "GET /readyz", "GET /readyz/self"}

func contract(t *testing.T) *openapitest.Contract {
	t.Helper()
	source, err := describe()
	require.NoError(t, err)
	return openapitest.New(t, source)
}

func TestDescriptionIsOpenAPI(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/openapi-3.1.yaml")
	require.NoError(t, err)
	var meta any
	require.NoError(t, yaml.Unmarshal(raw, &meta))
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource(metaschema, meta))
	schema, err := compiler.Compile(metaschema)
	require.NoError(t, err)
	source, err := describe()
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(source))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(document))
	document.(map[string]any)["paths"] = []any{}
	require.Error(t, schema.Validate(document))

	c := contract(t)
	schemas, _ := c.At("#/components/schemas")
	for name := range schemas {
		c.Compile("#/components/schemas/" + name)
	}
	used := regexp.MustCompile(`#/components/\w+/\w+`).FindAllString(string(source), -1)
	components, _ := c.At("#/components")
	for kind, parts := range components {
		for name := range parts.(map[string]any) {
			if kind != "securitySchemes" && name != "Happening" && name != "RefusalReport" {
				require.Contains(t, used, "#/components/"+kind+"/"+name)
			}
		}
	}
	for _, ref := range used {
		c.At(ref)
	}
}

// TestDescriptionSaysWhatThereIs compares members, statuses and routes.
func TestDescriptionSaysWhatThereIs(t *testing.T) {
	t.Parallel()
	c := contract(t)
	members, _ := c.At("#/components/schemas/Event/properties")
	require.Len(t, members, len(eventjson.Detailed.Names()))
	for _, name := range eventjson.Detailed.Names() {
		require.Contains(t, members, name)
	}
	status, _ := c.At("#/components/schemas/Status")
	require.Len(t, status["enum"], len(event.Statuses()))
	for _, s := range event.Statuses() {
		require.Contains(t, status["enum"], string(s))
	}
	cfg := usersConfig(t, record("", nil), nil)
	cfg.Jobs, cfg.System, cfg.Audit, cfg.Refusals, cfg.Cancel = fakeJobs{}, fakeSystem(), &fakeAudit{}, &fakeRefusals{}, fakeCanceller{}
	a, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(a.Close)
	operations, allowed := append(slices.Clone(elsewhere), "GET /openapi.json", "GET /openapi.html"), map[string][]string{}
	for _, r := range a.routes() {
		operations = append(operations, r.pattern)
		method, path, _ := strings.Cut(r.pattern, " ")
		allowed[path] = append(allowed[path], method)
	}
	require.ElementsMatch(t, operations, c.Operations())
	for path, methods := range allowed {
		// A method that is nowhere is answered with those that there are; a more general path may have more of them.
		w := ask(t, a, "BREW", path)
		requireProblem(t, w, http.StatusMethodNotAllowed, "method-not-allowed")
		require.Subset(t, strings.Split(w.Header().Get("Allow"), ", "), methods, path)
	}
}

// TestAnswersAreAsDescribed asks a running server for everything, in good and in bad ways.
func TestAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	c := contract(t)
	good := describedServer(t, nil)
	for request := range strings.SplitSeq(strings.TrimSpace(tries), "\n") {
		try(t, c, good, request)
	}
	for _, err := range []error{store.ErrUnavailable, fmt.Errorf("broken")} {
		down := describedServer(t, err)
		for _, target := range []string{
			"GET /v1/events", "GET /v1/events/x", "DELETE /v1/events/x", "GET /v1/events/x?wait=1s", "GET /v1/events/x/answer", "GET /v1/users/x", "GET /v1/users", "GET /v1/jobs", "GET /v1/jobs/x", "GET /v1/jobs/stream", "GET /v1/refusals/stream", "DELETE /v1/jobs/x", "GET /v1/jobs/x/result", "GET /v1/users/x/data", "DELETE /v1/users/x/data", "GET /v1/bots/demo/stats", "GET /v1/stats", "GET /v1/bots", "GET /v1/bots/demo", "GET /v1/queues", "GET /v1/audit", "GET /v1/refusals", "GET /v1/limits", "POST /v1/limits/reset?zone=user", "GET /v1/dead", "GET /v1/dead/summary", "GET /v1/dead/x", "POST /v1/bots/demo/retry", "POST /v1/bots/demo/pause", "POST /v1/bots/demo/resume", "POST /v1/bots/demo/test", "POST /v1/bots/demo/give-up?event=e", "POST /v1/bots/demo/receive",
			"DELETE /v1/dead/x", "DELETE /v1/dead?all=true", "POST /v1/dead/x/replay", "POST /v1/dead/replay?all=true",
		} {
			try(t, c, down, target)
		}
	}
	for _, o := range c.Operations() {
		require.True(t, c.Used(o) || slices.Contains(elsewhere, o), "%s was not tried with success", o)
	}
}

// tries are requests: method, target, and behind a bar headers and a body.
const tries = `
GET /openapi.json
GET /openapi.json | If-None-Match: *
DELETE /openapi.json
GET /openapi.html
GET /openapi.html | If-None-Match: *
GET /v1/events
GET /v1/events?fields=id,status&limit=1
GET /v1/events | If-None-Match: *
GET /v1/events?status=failed,dead&from=24h&to=1h&order=oldest
DELETE /v1/events/x
DELETE /v1/events/x?a=b
DELETE /v1/events/gone
GET /v1/events?q=al&verified_by=jwt&order_key=k&fields=last,size
GET /v1/events?text=hello
GET /v1/events?text=x
GET /v1/events?newer=x
GET /v1/events?from=1h&to=24h
GET /v1/events?limit=0
GET /v1/events?bot=demo | X-Botgate-Bot: other
POST /v1/events
GET /v1/events/id-1
GET /v1/events/id-1?wait=1s
GET /v1/events/id-1?fields=data
GET /v1/events/id-1?at=2030-01-01T00:00:00Z
GET /v1/events/id-1?at=2020-01-01T00:00:00Z
GET /v1/events/id-1 | If-None-Match: *
GET /v1/events/id-1?fields=none
GET /v1/events/id-1 | X-Botgate-Bot: other
GET /v1/events/id-1 | X-Botgate-Bot:
GET /v1/events/id-1/answer
GET /v1/events/id-1/answer?wait=1s
GET /v1/events/id-1/answer?wait=1h
GET /v1/events/id-1/answer | If-None-Match: *
GET /v1/events/id-1/answer | X-Botgate-Bot: other
DELETE /v1/events/id-1/answer
GET /v1/events/stream
GET /v1/events/stream?limit=1
GET /v1/events/stream?status=lost
GET /v1/events/stream?bot=demo | X-Botgate-Bot: other
GET /v1/refusals/stream
GET /v1/refusals/stream?x=1
GET /v1/refusals/stream?bot=demo | X-Botgate-Bot: other
GET /v1/jobs/stream
GET /v1/jobs/stream?x=1
GET /v1/jobs/stream?id=%20
GET /v1/users
GET /v1/users?q=al&limit=2
GET /v1/users | If-None-Match: *
GET /v1/users?x=1
GET /v1/users?bot=demo | X-Botgate-Bot: other
GET /v1/users/alice%2Fb
GET /v1/users/alice?at=2030-01-01T00:00:00Z
GET /v1/users/alice | If-None-Match: *
GET /v1/users/alice?at=then
GET /v1/users/alice?bot=demo | X-Botgate-Bot: other
GET /v1/users/%ff
GET /v1/users/alice/data
GET /v1/users/nobody/data
GET /v1/users/alice/data?bot=demo | X-Botgate-Bot: other
GET /v1/users/alice/data?at=now
PUT /v1/users/alice/data
DELETE /v1/users/alice/data
DELETE /v1/users/alice/data | Prefer: respond-async
DELETE /v1/users/alice/data?bot=demo
DELETE /v1/users/alice/data | X-Botgate-Bot: demo
DELETE /v1/users/%ff/data
GET /v1/bots
GET /v1/bots?limit=1
GET /v1/bots | If-None-Match: *
GET /v1/bots?limit=x
GET /v1/bots/demo
GET /v1/bots/demo | If-None-Match: *
GET /v1/bots/demo?x=1
GET /v1/bots/demo | X-Botgate-Bot: other
GET /v1/bots/a%20b
GET /v1/queues
GET /v1/queues | X-Botgate-Bot: other
GET /v1/queues?x=1
GET /v1/queues?from=1h&step=1m
GET /v1/queues?from=25h
GET /v1/system
GET /v1/system?x=1
GET /v1/system | X-Botgate-Bot: other
GET /v1/refusals
GET /v1/refusals?handler=bot_jwt&reason=expired&platform=github&from=24h&step=1h&limit=1
GET /v1/refusals | If-None-Match: *
GET /v1/refusals?x=1
GET /v1/refusals?bot=demo | X-Botgate-Bot: other
GET /v1/limits
GET /v1/limits?x=1
GET /v1/limits | X-Botgate-Bot: demo
POST /v1/limits/reset?zone=user&key=alice
POST /v1/limits/reset
POST /v1/limits/reset?zone=user | X-Botgate-Bot: demo
GET /v1/audit
GET /v1/audit?by=officer&limit=1&from=24h
GET /v1/audit?user=x
GET /v1/audit?bot=demo | X-Botgate-Bot: other
GET /v1/stats
GET /v1/stats?bot=demo&from=24h&step=1h
GET /v1/stats | If-None-Match: *
GET /v1/stats?step=1s
GET /v1/stats?bot=demo | X-Botgate-Bot: other
GET /v1/bots/demo/stats
GET /v1/bots/demo/stats | If-None-Match: *
GET /v1/bots/demo/stats?from=then
GET /v1/bots/demo/stats | X-Botgate-Bot: other
GET /v1/bots/a%20b/stats
POST /v1/bots/demo/retry
POST /v1/bots/demo/retry?x=1
POST /v1/bots/demo/retry | X-Botgate-Bot: other
POST /v1/bots/nobody/retry
POST /v1/bots/a%20b/retry
POST /v1/bots/demo/give-up?event=e
POST /v1/bots/demo/give-up
POST /v1/bots/demo/give-up?event=%ff
POST /v1/bots/demo/give-up?event=e | X-Botgate-Bot: other
POST /v1/bots/nobody/give-up?event=e
POST /v1/bots/a%20b/give-up?event=e
POST /v1/bots/demo/pause
POST /v1/bots/demo/pause?x=1
POST /v1/bots/demo/pause | X-Botgate-Bot: other
POST /v1/bots/nobody/pause
POST /v1/bots/demo/resume
POST /v1/bots/a%20b/resume
POST /v1/bots/demo/test
POST /v1/bots/demo/receive
POST /v1/bots/demo/receive | Content-Type: application/json | {"max":2,"wait":"1s","types":["t.*"],"settle":[{"receipt":"r","outcome":"ack"}]}
POST /v1/bots/demo/receive | Content-Type: application/json | {"max":257}
POST /v1/bots/demo/receive | Content-Type: text/plain | {}
POST /v1/bots/demo/receive | X-Botgate-Bot: other
POST /v1/bots/pushed/receive
POST /v1/bots/nobody/receive
POST /v1/bots/demo/settle | Content-Type: application/json | {"settle":[{"receipt":"r","outcome":"ack","answer":{"body":"x"}}]}
POST /v1/bots/demo/settle
POST /v1/bots/demo/settle | X-Botgate-Bot: other
POST /v1/bots/nobody/test
POST /v1/bots/demo/test | X-Botgate-Bot: other
GET /v1/jobs
GET /v1/jobs?status=done&limit=2
GET /v1/jobs?status=lost
PUT /v1/jobs
POST /v1/jobs | Content-Type: application/json | {"kind":"export"}
POST /v1/jobs | Content-Type: application/json | Idempotency-Key: same | {"kind":"export"}
POST /v1/jobs | Content-Type: application/json | Idempotency-Key: other | {"kind":"export"}
POST /v1/jobs | Content-Type: application/json | X-Botgate-Bot: demo | {"kind":"rebuild"}
POST /v1/jobs | Content-Type: text/plain | {"kind":"export"}
POST /v1/jobs | Content-Type: application/json | {
POST /v1/jobs?x=1 | Content-Type: application/json | {"kind":"export"}
GET /v1/jobs/done
GET /v1/jobs/lost
GET /v1/jobs/done?x=1
PUT /v1/jobs/done
DELETE /v1/jobs/queued
DELETE /v1/jobs/done
GET /v1/jobs/done/result
GET /v1/jobs/queued/result
GET /v1/jobs/lost/result
GET /v1/dead
GET /v1/dead?limit=x
GET /v1/dead?bot=demo | X-Botgate-Bot: other
GET /v1/dead/summary
GET /v1/dead/summary?limit=1
GET /v1/dead/dead-1
GET /v1/dead/id-1
GET /v1/dead/dead-1 | X-Botgate-Bot: other
DELETE /v1/dead/dead-1
DELETE /v1/dead/id-1
DELETE /v1/dead?all=true
DELETE /v1/dead
POST /v1/dead/replay?bot=demo&rate=10
POST /v1/dead/replay?bot=demo | Idempotency-Key: same
POST /v1/dead/replay
POST /v1/dead/dead-1/replay
POST /v1/dead/id-1/replay
POST /v1/dead/dead-1/replay | Sec-Fetch-Site: cross-site
GET /v1/sessions/demo/42
PUT /v1/sessions/demo/42 | Content-Type: application/json | {"a":1}
PUT /v1/sessions/demo/42 | Content-Type: application/json | {"a":2}
PUT /v1/sessions/demo/42 | Content-Type: text/plain | {"a":2}
PUT /v1/sessions/demo/42 | Content-Type: application/json | []
PUT /v1/sessions/demo/42?ttl=x | Content-Type: application/json | {}
PUT /v1/sessions/other/42 | X-Botgate-Bot: demo
GET /v1/sessions/demo/42
GET /v1/sessions/demo/42 | If-None-Match: *
PATCH /v1/sessions/demo/42 | Content-Type: application/merge-patch+json | {"b":2}
PATCH /v1/sessions/demo/43 | Content-Type: application/merge-patch+json | {"b":2}
PATCH /v1/sessions/demo/42 | Content-Type: application/merge-patch+json | {
DELETE /v1/sessions/demo/42 | If-Match: "x"
DELETE /v1/sessions/demo/42
DELETE /v1/sessions/demo/42
`

// try sends a request and checks the answer. A request with a method that is not described
// belongs to the operation GET.
func try(t *testing.T, c *openapitest.Contract, server *httptest.Server, request string) {
	t.Helper()
	parts := strings.Split(request, " | ")
	method, target, _ := strings.Cut(parts[0], " ")
	body := ""
	header := http.Header{}
	for _, part := range parts[1:] {
		name, value, isHeader := strings.Cut(part, ":")
		if !isHeader || strings.HasPrefix(part, "{") {
			body = part
			continue
		}
		header.Set(name, strings.TrimSpace(value))
	}
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+target, strings.NewReader(body))
	require.NoError(t, err)
	r.Header = header
	response, err := server.Client().Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	if response.StatusCode == http.StatusMethodNotAllowed {
		method = http.MethodGet
	}
	c.Check(method, response)
}

// describedUsers has something of every user but "nobody", on one page.
type describedUsers struct{ *fakeReader }

func (d describedUsers) List(ctx context.Context, q store.Query) (*store.Page, error) {
	if q.Subject == "nobody" || (q.Subject != "" && q.After != store.Position{}) {
		return &store.Page{}, d.err
	}
	page, err := d.fakeReader.List(ctx, q)
	if err == nil && slices.Equal(q.Statuses, []event.Status{event.StatusDead}) {
		dead, next := died(d.record), page.Next
		if dead.Attempts = nil; q.After.ID != "" {
			next = nil
		}
		return &store.Page{Records: []*store.Record{dead}, Next: next, Missing: page.Missing}, nil
	}
	return page, err
}

func (d describedUsers) Get(ctx context.Context, id string) (*store.Record, error) {
	r, err := d.fakeReader.Get(ctx, id)
	if err == nil && id == "dead-1" {
		return died(r), nil
	}
	return r, err
}

// died is the record of an event as if its last attempt had been the end of it.
func died(r *store.Record) *store.Record {
	dead := *r
	dead.Status, dead.Last = event.StatusDead, &r.Attempts[len(r.Attempts)-1]
	return &dead
}

func (d describedUsers) Erase(context.Context, string, time.Time, func(int64) error) (int64, error) {
	return 7, d.err
}

// describedServer answers from stores that have everything, or fail with an error.
func describedServer(t *testing.T, err error) *httptest.Server {
	t.Helper()
	rec, at := record("application/json", []byte(`{"a":1}`)), at.Add(time.Nanosecond) // Dispatch's own are that precise.
	rec.Event.NotBefore, rec.Repeats = at, []time.Time{at}
	rec.Status, rec.AttemptCount = event.StatusDelivered, 1
	next := at.Add(time.Minute)
	rec.Attempts = []event.Change{
		{
			Attempt: 1, Replays: 1, Status: event.StatusFailed, At: at, StatusCode: 500, Error: "answered 500", NextAttempt: &next,
			Answer: &event.Answer{ContentType: "text/plain", Body: []byte("broken"), Truncated: true},
		},
		{Attempt: 2, Status: event.StatusDead, At: at, StatusCode: 400, Answer: &event.Answer{ContentEncoding: "br", Body: []byte("\xff")}},
		{Attempt: 1, Replays: 1, Status: event.StatusDelivered, At: at, StatusCode: 200, Answer: &event.Answer{ContentType: "text/html", Body: []byte("<p>")}},
	}
	rec.Last, rec.Size = &rec.Attempts[0], 7
	reader := &fakeReader{
		record: rec, err: err,
		page: &store.Page{Records: []*store.Record{rec}, Next: &store.Position{Time: at, ID: "x"}, Missing: []string{"b"}},
		user: &store.User{Bots: []store.UserBot{{Bot: "demo", Counts: store.Counts{Accepted: 1}, First: at, Last: at}}},
		stats: []store.Minute{{Minute: at, Activity: store.Activity{
			Counts: store.Counts{Accepted: 1, Failed: 2, Delivered: 1}, Duration: time.Second, Took: store.Buckets{2, 1}, Waited: store.Buckets{1},
		}}},
	}
	users := describedUsers{reader}
	a, failure := New(Config{
		Queue: fakeQueue{err}, Bots: botsConfig(nil).Bots, System: fakeSystem(), Audit: auditWith(err), Refusals: &fakeRefusals{err: err}, Pauses: newFakePauses(err), Pull: &fakePull{err: err}, Limits: fakeLimits{reset: func(string, string) error { return err }, err: err},
		Reader: users, Eraser: users, Retry: &fakeRetrier{err: err}, Cancel: fakeCanceller{err: err}, Sessions: newSessions(t), Jobs: fakeJobs{err},
	})
	require.NoError(t, failure)
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	t.Cleanup(a.Close)
	return server
}

func TestDescriptionIsServed(t *testing.T) {
	t.Parallel()
	w := ask(t, handler(t, Config{}), "GET", "/openapi.json")
	require.Equal(t, 200, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var document struct{ OpenAPI string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &document))
	require.Equal(t, "3.1.0", document.OpenAPI)
}
