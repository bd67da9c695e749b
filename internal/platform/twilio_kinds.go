package platform

import (
	"net/url"
	"slices"
	"strings"
)

// twilioKind is a kind of callback. It has each of the fields that it is known by.
type twilioKind struct {
	name string
	has  []string
	// order is the first of these fields that is there: what the callbacks of one kind are about. Without
	// one, order is kept between two addresses.
	order []string
	// key are the fields that tell a callback from others of its kind.
	key []string
}

func twilioCallback(name, has, order, key string) twilioKind {
	return twilioKind{name, strings.Fields(has), strings.Fields(order), strings.Fields(key)}
}

// twilioKinds are the callbacks that Twilio sends to an address. One that has the fields of another, too, goes
// before it.
var twilioKinds = []twilioKind{
	// https://www.twilio.com/docs/conversations/conversations-webhooks
	twilioCallback("conversation", "ConversationSid EventType", "ConversationSid",
		"EventType ConversationSid ParticipantSid MessageSid DateUpdated DateCreated"),
	// https://www.twilio.com/docs/voice/twiml/conference#attributes-statusCallback
	twilioCallback("conference", "ConferenceSid StatusCallbackEvent", "ConferenceSid",
		"ConferenceSid StatusCallbackEvent SequenceNumber CallSid"),
	// https://www.twilio.com/docs/voice/api/recording#recordingstatuscallback
	twilioCallback("recording", "RecordingSid RecordingStatus", "CallSid ConferenceSid RecordingSid",
		"RecordingSid RecordingStatus"),
	// https://www.twilio.com/docs/voice/twiml/transcription
	twilioCallback("transcription", "TranscriptionSid", "CallSid",
		"TranscriptionSid TranscriptionStatus TranscriptionEvent SequenceId"),
	// https://www.twilio.com/docs/voice/twiml/stream#statuscallback
	twilioCallback("stream", "StreamSid StreamEvent", "CallSid", "StreamSid StreamEvent Timestamp"),
	// https://www.twilio.com/docs/video/api/status-callbacks
	twilioCallback("room", "RoomSid StatusCallbackEvent", "RoomSid", "RoomSid StatusCallbackEvent SequenceNumber"),
	// https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
	twilioCallback("message", "MessageSid", "", "MessageSid MessageStatus SmsStatus EventType"),
	twilioCallback("message", "SmsSid", "", "SmsSid MessageStatus SmsStatus"),
	// https://www.twilio.com/docs/voice/api/call-resource#statuscallback
	twilioCallback("call", "CallSid", "", "CallSid CallStatus SequenceNumber"),
	// https://www.twilio.com/docs/taskrouter/api/event and
	// https://www.twilio.com/docs/usage/troubleshooting/debugging-event-webhooks
	twilioCallback("event", "Sid", "TaskSid WorkerSid", "Sid EventType"),
}

// twilioKindOf is the first kind whose fields the form has.
func twilioKindOf(form url.Values) (twilioKind, bool) {
	n := slices.IndexFunc(twilioKinds, func(kind twilioKind) bool {
		return !slices.ContainsFunc(kind.has, func(name string) bool { return form.Get(name) == "" })
	})
	if n < 0 {
		return twilioKind{}, false
	}
	return twilioKinds[n], true
}
