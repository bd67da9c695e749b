package event_test

import (
	"fmt"
	"log"
	"time"

	"github.com/botgate/botgate/internal/event"
)

// Example makes an event as the gateway does, and the change that reports what became of it.
func Example() {
	delivery := event.Identity{Bot: "demo", Sender: event.PlatformSender("github", "acme"), Key: "72d3162e"}
	e := &event.Event{
		ID:         delivery.ID("octocat"), // A repeat gets the same id.
		Bot:        "demo",
		Type:       "github.push",
		Subject:    "octocat",
		Time:       time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		VerifiedBy: "github",
		Data:       []byte(`{"ref":"main"}`),
	}
	e.Normalize()
	fmt.Println(e.ID, "of", e.Source(), "in the order of", e.OrderKey)

	change, err := event.NewChange(e, event.Change{Status: event.StatusDelivered, Attempt: 1, At: e.Time})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(change.Type, "is a change:", change.IsChange())
	// Output:
	// 861be297-d74c-8ea7-ad8d-048f22858adc of /bots/demo in the order of octocat
	// botgate.event.delivered is a change: true
}

// ExampleFromAttributes sends an event over a transport that has headers.
func ExampleFromAttributes() {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	e := &event.Event{ID: "e-1", Bot: "demo", Type: "command", Time: at, Data: []byte("hello")}
	e.Normalize()
	header := map[string]string{}
	for name, value := range e.Attributes() {
		header["ce-"+name] = value
	}
	back, err := event.FromAttributes(func(name string) string { return header["ce-"+name] }, "text/plain", e.Data)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(header["ce-source"], header["ce-time"])
	fmt.Println(back.Bot, back.OrderKey, string(back.Data))
	// Output:
	// /bots/demo 2026-03-01T12:00:00Z
	// demo e-1 hello
}
