package platform

import (
	"cmp"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Read answers with empty TwiML, which does nothing.
func (twilio) Read(req *Request, document []byte) (Delivery, error) {
	reply := &Reply{
		Status: http.StatusOK, ContentType: "text/xml",
		Body: []byte(`<?xml version="1.0" encoding="UTF-8"?><Response></Response>`),
	}
	if document == nil {
		form, _ := url.ParseQuery(string(req.Body)) // What could be read is there in spite of an error.
		if asksForTwiML(form) {
			reply = reply.orBots(twilioWait)
		}
		return single(twilioEvent(form, req.Header.Get("I-Twilio-Idempotency-Token")), reply)
	}
	events, err := collect(req, twilioStream(document))
	if err != nil || len(events) > 0 {
		return Delivery{Events: events, Reply: reply}, err
	}
	return single(twilioEvent(twilioMembers(document), req.Header.Get("I-Twilio-Idempotency-Token")), reply)
}

// twilioWait leaves five of the fifteen seconds that Twilio waits for an answer
// (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides).
const twilioWait = 10 * time.Second

// asksForTwiML reports whether a callback asks what to do: a message that came in, or a call, but not what only tells
// how those stand.
func asksForTwiML(form url.Values) bool {
	kind, _ := twilioKindOf(form)
	switch kind.name {
	case "message":
		status := cmp.Or(form.Get("MessageStatus"), form.Get("SmsStatus"))
		return status == "" || strings.HasPrefix(status, "receiv")
	case "call":
		return form.Get("SequenceNumber") == "" && form.Get("CallbackSource") == "" &&
			!slices.Contains(twilioEnds, form.Get("CallStatus"))
	}
	return false
}

// twilioEnds are the states of a call that is over.
var twilioEnds = []string{"completed", "busy", "failed", "no-answer", "canceled"}

// twilioChanges are the fields that Twilio changes when it sends a callback again.
var twilioChanges = []string{"RetryCount"}

// twilioEvent reads a callback. Its fields name its delivery, but for a step of a call under way: a caller can
// press the same key twice, and only the header tells the two requests apart.
func twilioEvent(form url.Values, token string) Event {
	user, other := twilioPeople(form)
	event := Event{Type: "twilio.event", User: user}
	if user != "" {
		event.OrderKey = user + ":" + other
	}
	kind, known := twilioKindOf(form)
	if known {
		event.Type = "twilio." + kind.name
		event.OrderKey = cmp.Or(firstValue(form, kind.order), event.OrderKey)
		event.Key = Key{Value: twilioName(form, kind.key), Rule: twilioStatusKey, Item: twilioItem(form)}
	}
	step := kind.name == "call" && form.Get("CallStatus") == "in-progress" && form.Get("SequenceNumber") == ""
	if token != "" && (step || !known) {
		event.Key = Key{Value: token, Rule: twilioTokenKey, Item: twilioItem(form)}
	}
	return event
}

// twilioPeople are the person and the number of the account: what the account sends, and the calls
// that it makes, have the person as their receiver.
func twilioPeople(form url.Values) (person, number string) {
	from, to := form.Get("From"), form.Get("To")
	status := form.Get("MessageStatus")
	sent := status != "" && !strings.HasPrefix(status, "receiv")
	if to != "" && (sent || strings.HasPrefix(form.Get("Direction"), "outbound")) {
		return to, from
	}
	return cmp.Or(from, firstValue(form, twilioNames)), to
}

// twilioNames are where callbacks name a person who has no address.
var twilioNames = []string{"Author", "ClientIdentity", "Identity", "ParticipantIdentity", "WorkerName"}

func firstValue(form url.Values, names []string) string {
	for _, name := range names {
		if value := form.Get(name); value != "" {
			return value
		}
	}
	return ""
}

// twilioName joins the fields that are there.
func twilioName(form url.Values, names []string) string {
	var values []string
	for _, name := range names {
		if value := form.Get(name); value != "" {
			values = append(values, value)
		}
	}
	return strings.Join(values, ":")
}

// twilioItem is the form less what a retry changes, in an order of its own.
func twilioItem(form url.Values) []byte {
	kept := maps.Clone(form)
	maps.DeleteFunc(kept, func(name string, _ []string) bool { return slices.Contains(twilioChanges, name) })
	return []byte(kept.Encode())
}

// twilioMembers are the texts in a JSON object.
func twilioMembers(document []byte) url.Values {
	form := url.Values{}
	for quoted, value := range entries(document) {
		form.Set(unquote(quoted), text(value))
	}
	return form
}

// twilioStream yields the events of Event Streams, which come as a list of CloudEvents
// (https://www.twilio.com/docs/events/webhook-quickstart).
func twilioStream(document []byte) iter.Seq[batched] {
	return func(yield func(batched) bool) {
		for item := range elements(document) {
			outer := texts(item, "type", "source", "id")
			form := twilioMembers(members(item, "data")[0])
			event := twilioEvent(form, "")
			event.Type = "twilio." + cmp.Or(strings.TrimPrefix(outer[0], "com.twilio."), "event")
			event.Key = joinedKey(twilioStreamKey, item, outer[1:]...)
			if !yield(batched{event, [][]byte{[]byte("["), item, []byte("]")}}) {
				return
			}
		}
	}
}
