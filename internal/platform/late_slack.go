package platform

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"time"
)

// slackLives is for how long, and up to five times, Slack takes messages at a response_url
// (https://docs.slack.dev/interactivity/handling-user-interaction#message_responses).
const slackLives = 30 * time.Minute

// slackHosts are where response_url is, the second one in GovSlack.
var slackHosts = []string{"hooks.slack.com", "hooks.slack-gov.com"}

// slackMessages are the interactions whose answer is a message. That to a view or a dialog says what becomes of that, which
// is closed by then.
var slackMessages = []string{"block_actions", "interactive_message", "message_action", "shortcut"}

// slackLate sends a message to the response_url of a command or an interaction. As in the response, it is ephemeral unless
// it says in_channel.
func slackLate(late Late) (LateCall, error) {
	document, form := late.document()
	kind, address := field(document, "type"), cmp.Or(field(document, "response_url"), form.Get("response_url"))
	if document != nil && !slices.Contains(slackMessages, kind) || address == "" {
		return LateCall{}, ErrNoLateChannel
	}
	to, err := url.Parse(address)
	if err != nil || to.Scheme != "https" || to.User != nil {
		return LateCall{}, ErrNoLateChannel
	}
	if body, ok := late.object(); ok {
		return post(to.Host, to.RequestURI(), body), nil
	}
	said, ok := late.text()
	if !ok {
		return LateCall{}, ErrUnfit
	}
	body, err := json.Marshal(map[string]string{"text": said})
	if err != nil {
		return LateCall{}, ErrUnfit
	}
	return post(to.Host, to.RequestURI(), body), nil
}
