package platform

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
)

// slack verifies requests of the Events API, slash commands and interactivity
// (https://docs.slack.dev/authentication/verifying-requests-from-slack). The delivery id is in the body.
type slack struct{ macScheme }

func newSlack(o *options) Platform {
	scheme := macScheme{headers: []string{"X-Slack-Signature"}, prefix: "v0=", timestampHeader: "X-Slack-Request-Timestamp"}
	return slack{newMACScheme(o, scheme, "v0:{timestamp}:{body}")}
}

// Probe answers ssl_check, with which Slack tries the certificate of a command's address.
func (slack) Probe(req *Request) *Reply {
	query := ""
	if req.Method == http.MethodGet {
		if address, err := url.Parse(req.URL); err == nil {
			query = address.RawQuery
		}
	} else if isForm(req.Header) {
		query = string(req.Body)
	}
	values, err := url.ParseQuery(query)
	if err != nil || values.Get("ssl_check") != "1" {
		return nil
	}
	return emptyReply(http.StatusOK)
}

// Read tells the Events API, slash commands and interactivity apart. Order is kept in a
// thread, else in a channel, else for a user.
func (slack) Read(req *Request, document []byte) Delivery {
	if document == nil && isForm(req.Header) {
		return slackCommand(req)
	}
	switch kind := field(document, "type"); kind {
	case "url_verification":
		return handshake(textReply(field(document, "challenge")))
	case "block_suggestion", "dialog_suggestion":
		// The menu is open and waits; nothing that is queued could fill it.
		return handshake(jsonReply(`{"options":[]}`))
	case "event_callback":
		return slackEvent(document)
	default:
		return slackInteraction(kind, document)
	}
}

func slackEvent(document []byte) Delivery {
	parts := members(document, "event", "event_id", "team_id")
	inner := members(parts[0], "type", "user", "channel", "thread_ts", "item", "ts")
	channel := cmp.Or(textOrID(inner[2]), field(inner[4], "channel"))
	return single(Event{
		Type:     "slack." + cmp.Or(text(inner[0]), "event"),
		User:     textOrID(inner[1]),
		OrderKey: slackOrder(text(parts[2]), channel, text(inner[3])),
		Key:      Key{Value: text(parts[1]), Rule: slackEventKey},
	}, emptyReply(http.StatusOK))
}

func slackInteraction(kind string, document []byte) Delivery {
	parts := members(document, "user", "team", "channel", "message", "trigger_id")
	return single(Event{
		Type:     "slack." + cmp.Or(kind, "interaction"),
		User:     textOrID(parts[0]),
		OrderKey: slackOrder(textOrID(parts[1]), textOrID(parts[2]), field(parts[3], "thread_ts")),
		Key:      Key{Value: text(parts[4]), Rule: slackTriggerKey},
	}, emptyReply(http.StatusOK))
}

func slackCommand(req *Request) Delivery {
	form, _ := url.ParseQuery(string(req.Body)) // What could be read is there in spite of an error.
	return single(Event{
		Type:     "slack.command",
		User:     form.Get("user_id"),
		OrderKey: slackOrder(form.Get("team_id"), form.Get("channel_id"), ""),
		Key:      Key{Value: form.Get("trigger_id"), Rule: slackTriggerKey},
	}, emptyReply(http.StatusOK))
}

// slackOrder is empty without a channel: the user is the order then.
func slackOrder(team, channel, thread string) string {
	if channel == "" {
		return ""
	}
	return strings.TrimSuffix(strings.Join([]string{team, channel, thread}, ":"), ":")
}
