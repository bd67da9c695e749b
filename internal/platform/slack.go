package platform

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"time"
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
func (slack) Read(req *Request, document []byte) (Delivery, error) {
	if document == nil {
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

// slackWait leaves a second of the three after which Slack tells the user of a timeout
// (https://docs.slack.dev/interactivity/handling-user-interaction#acknowledgment_response).
const slackWait = 2 * time.Second

// slackCommand reads a slash command. Slack signs ssl_check, too, for apps that ask for it.
func slackCommand(req *Request) (Delivery, error) {
	form, _ := url.ParseQuery(string(req.Body)) // What could be read is there in spite of an error.
	if form.Get("ssl_check") == "1" && form.Get("command") == "" {
		return handshake(emptyReply(http.StatusOK))
	}
	return single(Event{
		Type:     "slack.command",
		User:     form.Get("user_id"),
		OrderKey: slackOrder(cmp.Or(form.Get("team_id"), form.Get("enterprise_id")), form.Get("channel_id"), ""),
		Key:      Key{Value: form.Get("trigger_id"), Rule: slackTriggerKey},
	}, emptyReply(http.StatusOK).orBots(slackWait))
}

// slackPlace is where something happened, and who did it.
type slackPlace struct{ user, channel, thread string }

// find fills in what is lacking from the first of the objects that has it.
func (p slackPlace) find(objects ...[]byte) slackPlace {
	for _, object := range objects {
		parts := members(object, "user", "user_id", "channel", "channel_id", "thread_ts")
		p.user = cmp.Or(p.user, textOrID(parts[0]), text(parts[1]))
		p.channel = cmp.Or(p.channel, textOrID(parts[2]), text(parts[3]))
		p.thread = cmp.Or(p.thread, text(parts[4]))
	}
	return p
}

// slackOrder is empty without a channel: the user is the order then.
func slackOrder(team, channel, thread string) string {
	if channel == "" {
		return ""
	}
	return strings.TrimSuffix(strings.Join([]string{team, channel, thread}, ":"), ":")
}
