package platform_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// TestBotsAnswersHaveAPlace goes through the requests whose answer may have the bot's own words, and what is like them.
func TestBotsAnswersHaveAPlace(t *testing.T) {
	t.Parallel()
	const never = -1
	for name, tc := range map[string]struct {
		platform, body string
		want           time.Duration
	}{
		"command":             {"discord", `{"type":2,"id":"1","token":"t"}`, 2 * time.Second},
		"component":           {"discord", `{"type":3,"id":"1","token":"t"}`, 2 * time.Second},
		"modal":               {"discord", `{"type":5,"id":"1","token":"t"}`, 2 * time.Second},
		"autocompletion":      {"discord", `{"type":4,"id":"1","token":"t"}`, never},
		"discord's event":     {"discord", `{"type":1,"event":{"type":"ENTITLEMENT_CREATE"}}`, never},
		"slash command":       {"slack", "command=%2Fx&trigger_id=1", 2 * time.Second},
		"block action":        {"slack", `{"type":"block_actions","trigger_id":"1"}`, 2 * time.Second},
		"dialog":              {"slack", `{"type":"view_submission","trigger_id":"1"}`, 2 * time.Second},
		"closed":              {"slack", `{"type":"view_closed","view":{"id":"1"}}`, never},
		"limited":             {"slack", `{"type":"app_rate_limited","minute_rate_limited":1}`, never},
		"suggestion":          {"slack", `{"type":"block_suggestion"}`, never},
		"slack's event":       {"slack", `{"type":"event_callback","event_id":"1","event":{"type":"message"}}`, never},
		"outgoing webhook":    {"teams-outgoing", `{"type":"message","id":"1"}`, 4 * time.Second},
		"incoming message":    {"twilio", "MessageSid=SM1&SmsStatus=received&From=a&To=b", 10 * time.Second},
		"status of a message": {"twilio", "MessageSid=SM1&MessageStatus=sent&SmsStatus=sent", never},
		"call":                {"twilio", "CallSid=CA1&CallStatus=ringing", 10 * time.Second},
		"step of a call":      {"twilio", "CallSid=CA1&CallStatus=in-progress&Digits=1", 10 * time.Second},
		"status of a call":    {"twilio", "CallSid=CA1&CallStatus=ringing&SequenceNumber=1", never},
		"end of a call":       {"twilio", "CallSid=CA1&CallStatus=completed", never},
		"recording":           {"twilio", "CallSid=CA1&RecordingSid=RE1&RecordingStatus=completed", never},
		"chat":                {"google-chat", `{"type":"MESSAGE"}`, 0},
		"update":              {"telegram", `{"update_id":1,"message":{}}`, 0},
		"invoke":              {"botframework", `{"type":"invoke"}`, 0},
		"activity":            {"botframework", `{"type":"message"}`, never},
		"push":                {"line", `{"events":[{"type":"message","webhookEventId":"1"}]}`, never},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := &platform.Request{Method: http.MethodPost, Header: http.Header{}, Body: []byte(tc.body)}
			document := []byte(tc.body)
			if tc.body[0] != '{' {
				_, err := url.ParseQuery(tc.body)
				require.NoError(t, err)
				req.Header.Set("Content-Type", formType)
				document = nil
			}
			reply := deliver(t, get(t, tc.platform), req, document).Reply
			require.Equal(t, tc.want != never, reply.Replaceable)
			if reply.Replaceable {
				require.Equal(t, tc.want, reply.Wait)
				require.Equal(t, http.StatusOK, reply.Status, "that of an answer with the bot's words")
			}
		})
	}
}
