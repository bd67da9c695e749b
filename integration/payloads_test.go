package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

// examples are GitHub's payloads in the npm package @octokit/webhooks-examples 7.6.1.
const (
	examples     = "node_modules/@octokit/webhooks-examples/api.github.com/index.json"
	exampleCount = 329
)

// payload is one example and what must become of it.
type payload struct {
	event, delivery string
	body            []byte
	user            string
}

// loadPayloads reads the examples; make test-deps fetches them.
func loadPayloads(t *testing.T) []payload {
	t.Helper()
	raw, err := os.ReadFile(examples)
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skip("the payloads are not there: make test-deps fetches them with npm")
	}
	require.NoError(t, err)
	var events []struct {
		Name     string
		Examples []json.RawMessage
	}
	require.NoError(t, json.Unmarshal(raw, &events))
	var payloads []payload
	for _, e := range events {
		for i, body := range e.Examples {
			var p struct{ Sender struct{ ID json.Number } }
			require.NoError(t, json.Unmarshal(body, &p))
			payloads = append(payloads, payload{e.Name, fmt.Sprintf("%s-%d", e.Name, i), body, p.Sender.ID.String()})
		}
	}
	require.Len(t, payloads, exampleCount)
	return payloads
}

// TestRealPayloads sends every payload, some of them twice, and finds each stored once,
// byte for byte, and delivered.
func TestRealPayloads(t *testing.T) {
	t.Parallel()
	payloads := loadPayloads(t)
	forEachEngine(t, func(t *testing.T, s *stack) {
		for i, p := range payloads {
			sendPayload(t, s, p)
			if i%10 == 0 {
				sendPayload(t, s, p)
			}
		}
		eventually(t, func() error {
			if n := s.bot.distinct(); n != exampleCount {
				return fmt.Errorf("the bot got %d of %d", n, exampleCount)
			}
			return nil
		})
		requireStored(t, s, payloads)
		requireDelivered(t, s, payloads)
	})
}

func sendPayload(t *testing.T, s *stack, p payload) {
	t.Helper()
	a, err := s.github(p.event, p.delivery, p.body)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status, "%s: %s", p.delivery, a.body)
	var accepted struct{ ID string }
	a.json(t, &accepted)
	require.Equal(t, p.id(), accepted.ID)
}

// id is what the event's id must be, whichever gateway took it.
func (p payload) id() string {
	return event.Identity{
		Bot: "demo", Sender: event.PlatformSender("github", "file data/github.secret"), Key: p.delivery, Content: p.body,
	}.ID(p.user)
}

func requireStored(t *testing.T, s *stack, payloads []payload) {
	t.Helper()
	eventually(t, func() error {
		for _, r := range s.recorded() {
			if r.Status != event.StatusDelivered {
				return fmt.Errorf("%s is %s", r.Event.ID, r.Status)
			}
		}
		return nil
	})
	require.Len(t, s.recorded(), len(payloads), "each is stored once")
	opened := s.store()
	for _, p := range payloads {
		r, err := opened.Get(t.Context(), p.id())
		require.NoError(t, err, p.delivery)
		require.Equal(t, string(p.body), string(r.Event.Data), "%s: byte for byte", p.delivery)
		require.Equal(t, "github."+p.event, r.Event.Type)
		require.Equal(t, p.user, r.Event.Subject, p.delivery)
		require.Equal(t, "github", r.Event.VerifiedBy)
	}
}

func requireDelivered(t *testing.T, s *stack, payloads []payload) {
	t.Helper()
	byID := map[string]payload{}
	for _, p := range payloads {
		byID[p.id()] = p
	}
	require.Zero(t, s.bot.forged, "every delivery carries a good signature")
	for _, d := range s.bot.all() {
		p := byID[d.id]
		require.Equal(t, string(p.body), string(d.body))
		require.Equal(t, []string{"github." + p.event, p.user}, []string{d.typ, d.subject})
	}
}

// TestFormDelivery sends a payload as GitHub does when the webhook's content type is a form.
func TestFormDelivery(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	body := []byte("payload=%7B%22sender%22%3A%7B%22id%22%3A7%7D%2C%22repository%22%3A%7B%22id%22%3A9%7D%7D")
	header := s.signed("github", "push", "form-1", body)
	header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := send(http.MethodPost, s.base+"/hooks/demo/github", header, body)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	eventually(t, func() error {
		if s.bot.distinct() != 1 {
			return fmt.Errorf("not delivered")
		}
		return nil
	})
	d := s.bot.all()[0]
	require.Equal(t, []string{"7", string(body), "application/x-www-form-urlencoded"}, []string{d.subject, string(d.body), d.contentType})
}

func TestStandardWebhooksDelivery(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	body := []byte(`{"type":"invoice.paid","timestamp":"2026-11-20T10:00:00Z","data":{"id":"1"}}`)
	header := s.signed("standard-webhooks", "", "msg_1", body)
	for range 2 {
		a, err := send(http.MethodPost, s.base+"/hooks/demo/standard-webhooks", header, body)
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	}
	eventually(t, func() error {
		if records := s.recorded(); len(records) != 1 || records[0].Status != event.StatusDelivered {
			return fmt.Errorf("%d recorded", len(records))
		}
		return nil
	})
	require.Equal(t, "standard.invoice.paid", s.recorded()[0].Event.Type)
}
