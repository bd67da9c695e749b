package botgate

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// gateway lends what it is given, and knows what it was told.
type gateway struct {
	t *testing.T

	mu       sync.Mutex
	waiting  []string // Events to lend.
	requests []asked
	told     []settlement
	statuses map[string]string // What a settlement is answered, once, by its outcome; "ok" otherwise.
	failures []int             // Statuses that the next requests are answered with.
}

type asked struct {
	Path, Token string
	Max         int
	Wait        string
	Types       []string
	Settle      []settlement
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ask := asked{Path: strings.TrimPrefix(r.URL.Path, "/v1/bots/demo/"), Token: r.Header.Get("Authorization")}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		g.t.Error(err)
	}
	failure, settled := g.note(ask)
	if failure != 0 {
		w.WriteHeader(failure)
		_, _ = w.Write([]byte(`{"title":"No.","detail":"Because."}`))
		return
	}
	var events []string
	if ask.Path == "receive" {
		wait, err := time.ParseDuration(ask.Wait)
		if err != nil {
			g.t.Error(err)
		}
		for over := time.Now().Add(wait); len(events) == 0 && time.Now().Before(over) && r.Context().Err() == nil; {
			events = g.lend(ask.Max)
			<-time.After(5 * time.Millisecond)
		}
	}
	about, err := json.Marshal(settled)
	if err != nil {
		g.t.Error(err)
	}
	// encoding/json would rewrite the bodies.
	_, _ = w.Write([]byte(`{"events":[` + strings.Join(events, ",") + `],"settled":` + string(about) + `}`))
}

func (g *gateway) note(ask asked) (failure int, settled []map[string]string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, ask)
	if len(g.failures) > 0 {
		failure, g.failures = g.failures[0], g.failures[1:]
		return failure, nil
	}
	for _, s := range ask.Settle {
		status := "ok"
		if g.statuses[s.Outcome] != "" {
			status = g.statuses[s.Outcome]
			delete(g.statuses, s.Outcome)
		}
		settled = append(settled, map[string]string{"receipt": s.Receipt, "status": status})
	}
	g.told = append(g.told, ask.Settle...)
	return 0, settled
}

func (g *gateway) lend(most int) (events []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	most = min(most, len(g.waiting))
	events, g.waiting = g.waiting[:most], g.waiting[most:]
	return events
}

// lentEvent is an event by its id, with further members, such as data, and with members beside it.
func lentEvent(id, members, beside string) string {
	return `{"receipt":"p.` + id + `","attempt":2` + beside + `,"event":{"id":"` + id +
		`","source":"/bots/demo","type":"command","subject":"alice","time":"2026-01-01T00:00:00Z",` + members + `}}`
}

func jsonEvent(id string) string {
	return lentEvent(id, `"datacontenttype":"application/json","data":{ "a": "<b>"}`, "")
}

// heard is what it was told.
func (g *gateway) heard() []settlement {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.told)
}

// hears waits for so many settlements.
func (g *gateway) hears(count int) {
	g.t.Helper()
	eventually(g.t, func() bool { return len(g.heard()) >= count })
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for over := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(over) {
			t.Fatal("it never was so")
		}
		<-time.After(5 * time.Millisecond)
	}
}

// start receives, and returns what ends that, and how it ended.
func (g *gateway) start(config ReceiveConfig) (end func() error) {
	server := httptest.NewServer(g)
	ctx, cancel := context.WithCancel(g.t.Context())
	config.URL, config.Bot = server.URL, "demo"
	if config.Wait == 0 {
		config.Wait = 200 * time.Millisecond
	}
	if config.Token == nil {
		config.Token = func(context.Context) (string, error) { return "secret", nil }
	}
	ended := make(chan error, 1)
	go func() { ended <- Receive(ctx, config) }()
	end = sync.OnceValue(func() error {
		cancel()
		defer server.Close()
		return <-ended
	})
	g.t.Cleanup(func() { _ = end() })
	return end
}

func TestWhatHandleDoesSettlesTheEventWithTheNextReceive(t *testing.T) {
	g := &gateway{t: t}
	for _, id := range []string{"answers", "nothing", "error", "refused", "busy", "answers"} {
		g.waiting = append(g.waiting, jsonEvent(id))
	}
	g.waiting = append(g.waiting, lentEvent("bytes", `"data_base64":"/w=="`, ""), lentEvent("answers", `"data":1`, `,"replay":1`))
	var handled []*Event
	g.start(ReceiveConfig{
		Concurrency: 1, Types: []string{"com*"},
		Handle: func(_ context.Context, e *Event) (*Answer, error) {
			handled = append(handled, e)
			switch e.ID {
			case "answers", "bytes":
				return &Answer{"text/plain", e.Body}, nil
			case "error":
				return nil, errors.New("a bug")
			case "refused":
				return nil, &Refused{422, "never"}
			case "busy":
				return nil, &Refused{429, "later"}
			}
			return nil, nil
		},
	})
	g.hears(8)
	g.mu.Lock()
	defer g.mu.Unlock()
	want := []settlement{
		{Receipt: "p.answers", Outcome: "ack", Answer: &Answer{"text/plain", []byte(`{ "a": "<b>"}`)}},
		{Receipt: "p.nothing", Outcome: "ack"},
		{Receipt: "p.error", Outcome: "retry"},
		{Receipt: "p.refused", Outcome: "dead"},
		{Receipt: "p.busy", Outcome: "retry"},
		{Receipt: "p.answers", Outcome: "ack"}, // It was handled.
		{Receipt: "p.bytes", Outcome: "ack", Answer: &Answer{"text/plain", []byte{255}}},
		{Receipt: "p.answers", Outcome: "ack", Answer: &Answer{"text/plain", []byte("1")}},
	}
	if !reflect.DeepEqual(g.told, want) {
		t.Errorf("%+v", g.told)
	}
	handled[0].progress = nil
	first := &Event{
		Key: "answers", ID: "answers", Type: "command", Source: "/bots/demo", Subject: "alice", Attempt: 2, ContentType: "application/json",
		Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Body: []byte(`{ "a": "<b>"}`),
	}
	if !reflect.DeepEqual(handled[0], first) {
		t.Errorf("%+v", handled[0])
	}
	if last := handled[len(handled)-1]; last.Key != "answers.r1" || last.Replay != 1 {
		t.Errorf("%+v", last)
	}
	for _, r := range g.requests {
		if r.Path != "receive" || r.Token != "Bearer secret" || !slices.Equal(r.Types, []string{"com*"}) || len(r.Settle) > 1 {
			t.Errorf("%+v", r)
		}
	}
}

func TestWhatEndsWhileItWaitsIsSettledAtOnce(t *testing.T) {
	g := &gateway{t: t, waiting: []string{jsonEvent("a"), jsonEvent("b"), jsonEvent("c")}}
	began, end := make(chan bool), make(chan bool)
	g.start(ReceiveConfig{Concurrency: 2, Wait: 30 * time.Second, Handle: func(context.Context, *Event) (*Answer, error) {
		began <- true
		<-end
		return nil, nil
	}})
	<-began
	<-began
	select {
	case <-began:
		t.Error("three run at once")
	case <-time.After(100 * time.Millisecond):
	}
	end <- true
	<-began
	end <- true
	g.hears(2)
	end <- true // A receive that nothing comes for is under way.
	g.hears(3)
}

func TestALeaseGoesOnWhileItsHandlerRuns(t *testing.T) {
	g := &gateway{t: t, waiting: []string{jsonEvent("e")}, statuses: map[string]string{}}
	lost := make(chan bool)
	g.start(ReceiveConfig{Lease: 300 * time.Millisecond, Handle: func(ctx context.Context, _ *Event) (*Answer, error) {
		g.hears(2)
		g.mu.Lock()
		g.statuses["extend"] = "lost"
		g.mu.Unlock()
		<-ctx.Done()
		close(lost)
		return nil, ctx.Err()
	}})
	<-lost
	if want := (settlement{Receipt: "p.e", Outcome: "extend"}); !reflect.DeepEqual(g.heard()[0], want) {
		t.Errorf("%+v", g.heard())
	}
}

func TestProgressIsToldAtOnce(t *testing.T) {
	g := &gateway{t: t, waiting: []string{jsonEvent("e")}}
	g.start(ReceiveConfig{Handle: func(_ context.Context, e *Event) (*Answer, error) {
		e.Progress(0)
		g.hears(1)
		e.Progress(100)
		g.hears(2)
		return nil, nil
	}})
	g.hears(3)
	want := []settlement{
		{Receipt: "p.e", Outcome: "extend", Progress: 1}, {Receipt: "p.e", Outcome: "extend", Progress: 100}, {Receipt: "p.e", Outcome: "ack"},
	}
	if got := g.heard()[:3]; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestAStopGivesBackWhatHandlersDoNotEnd(t *testing.T) {
	g := &gateway{t: t, waiting: []string{jsonEvent("ends"), jsonEvent("hangs")}}
	began := make(chan bool, 2)
	end := g.start(ReceiveConfig{Wait: 30 * time.Second, Grace: time.Second, Handle: func(ctx context.Context, e *Event) (*Answer, error) {
		began <- true
		if e.ID == "hangs" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		<-time.After(100 * time.Millisecond)
		return nil, nil
	}})
	<-began
	<-began
	if err := end(); err != nil {
		t.Error(err)
	}
	got := map[string]settlement{}
	for _, s := range g.heard() {
		got[s.Receipt] = s
	}
	want := map[string]settlement{
		"p.ends": {Receipt: "p.ends", Outcome: "ack"}, "p.hangs": {Receipt: "p.hangs", Outcome: "retry", After: "0s"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestAGatewayThatFailsIsAskedAgain(t *testing.T) {
	g := &gateway{t: t, waiting: []string{jsonEvent("e")}, failures: []int{503, 429}, statuses: map[string]string{"ack": "unavailable"}}
	g.start(ReceiveConfig{Concurrency: 1, Handle: func(context.Context, *Event) (*Answer, error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.failures = []int{502}
		return nil, nil
	}})
	g.hears(2)
	for _, s := range g.heard()[:2] {
		if s.Outcome != "ack" {
			t.Errorf("%+v", g.heard())
		}
	}
}

func TestWhatDoesNotGetBetterEndsIt(t *testing.T) {
	g := &gateway{t: t, failures: []int{403}}
	handle := func(context.Context, *Event) (*Answer, error) { return nil, nil }
	server := httptest.NewServer(g)
	defer server.Close()
	token := func(context.Context) (string, error) { return "secret", nil }
	config := ReceiveConfig{URL: server.URL, Bot: "demo", Token: token, Handle: handle}
	if err := Receive(t.Context(), config); err == nil || err.Error() != "the gateway answers 403: No.: Because." {
		t.Error(err)
	}
	for _, wrong := range []ReceiveConfig{
		{}, {URL: "gate.example", Bot: "demo", Token: token, Handle: handle}, {URL: server.URL, Bot: "demo", Token: token, Handle: handle, Concurrency: 101},
	} {
		if err := Receive(t.Context(), wrong); err == nil {
			t.Errorf("%+v", wrong)
		}
	}
}
