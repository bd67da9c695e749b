package platform_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// readCase is a verified request and what it brings: of each event, type, user, order key
// and key, separated by " | ".
type readCase struct {
	name, platform string
	header         map[string]string
	body           string
	want           []string
	reply          string
}

const formType = "application/x-www-form-urlencoded"

// deferred and others are the replies that several cases have.
const (
	empty200 = "200 "
	empty204 = "204 "
	object   = "200 application/json {}"
	nothing  = ""
)

var readCases = []readCase{
	{"message", "telegram", nil, `{"update_id":7,"message":{"message_id":1,"from":{"id":42},"chat":{"id":-100}}}`, []string{"telegram.message | 42 | -100 | 7"}, empty200},
	{"callback", "telegram", nil, `{"update_id":8,"callback_query":{"from":{"id":42},"message":{"chat":{"id":5}}}}`, []string{"telegram.callback_query | 42 | 5 | 8"}, empty200},
	{"inline query", "telegram", nil, `{"inline_query":{"from":{"id":42}},"update_id":9}`, []string{"telegram.inline_query | 42 |  | 9"}, empty200},
	{"poll answer", "telegram", nil, `{"update_id":9,"poll_answer":{"user":{"id":42}}}`, []string{"telegram.poll_answer | 42 |  | 9"}, empty200},
	{"channel post", "telegram", nil, `{"update_id":9,"channel_post":{"sender_chat":{"id":-1},"chat":{"id":-1}}}`, []string{"telegram.channel_post | -1 | -1 | 9"}, empty200},
	{"nothing", "telegram", nil, `{}`, []string{"telegram.update |  |  | "}, empty200},
	{"not JSON", "telegram", nil, `x`, []string{"telegram.update |  |  | "}, empty200},

	{"event", "slack", nil, `{"type":"event_callback","team_id":"T","event_id":"Ev1","event":{"type":"app_mention","user":"U","channel":"C","thread_ts":"1.2"}}`, []string{"slack.app_mention | U | T:C:1.2 | Ev1"}, empty200},
	{"reaction", "slack", nil, `{"type":"event_callback","team_id":"T","event_id":"Ev1","event":{"type":"reaction_added","user":"U","item":{"channel":"C"}}}`, []string{"slack.reaction_added | U | T:C | Ev1"}, empty200},
	{"created channel", "slack", nil, `{"type":"event_callback","team_id":"T","event_id":"Ev1","event":{"type":"channel_created","channel":{"id":"C"}}}`, []string{"slack.channel_created |  | T:C | Ev1"}, empty200},
	{"joined", "slack", nil, `{"type":"event_callback","team_id":"T","event_id":"Ev1","event":{"type":"team_join","user":{"id":"U"}}}`, []string{"slack.team_join | U |  | Ev1"}, empty200},
	{"command", "slack", map[string]string{"Content-Type": formType}, `team_id=T&channel_id=C&user_id=U&command=%2Fx&trigger_id=1.2`, []string{"slack.command | U | T:C | 1.2"}, empty200},
	{"button", "slack", map[string]string{"Content-Type": formType}, `payload={"type":"block_actions","user":{"id":"U"},"team":{"id":"T"},"channel":{"id":"C"},"trigger_id":"3.4"}`, []string{"slack.block_actions | U | T:C | 3.4"}, empty200},
	{"view", "slack", map[string]string{"Content-Type": formType}, `payload={"type":"view_submission","user":{"id":"U"},"team":{"id":"T"},"trigger_id":"3.4"}`, []string{"slack.view_submission | U |  | 3.4"}, empty200},
	{"menu", "slack", map[string]string{"Content-Type": formType}, `payload={"type":"block_suggestion"}`, nil, `200 application/json {"options":[]}`},
	{"challenge", "slack", nil, `{"type":"url_verification","challenge":"abc"}`, nil, "200 text/plain; charset=utf-8 abc"},

	{"ping", "discord", nil, `{"id":"1","token":"t","type":1}`, nil, `200 application/json {"type":1}`},
	{"command", "discord", nil, `{"id":"1","token":"t","type":2,"channel_id":"C","member":{"user":{"id":"U"}}}`, []string{"discord.command | U | C | 1"}, `200 application/json {"type":5}`},
	{"direct command", "discord", nil, `{"id":"1","token":"t","type":2,"channel_id":"C","user":{"id":"U"}}`, []string{"discord.command | U | C | 1"}, `200 application/json {"type":5}`},
	{"component", "discord", nil, `{"id":"1","token":"t","type":3,"channel_id":"C","user":{"id":"U"}}`, []string{"discord.component | U | C | 1"}, `200 application/json {"type":6}`},
	{"autocomplete", "discord", nil, `{"id":"1","token":"t","type":4}`, nil, `200 application/json {"type":8,"data":{"choices":[]}}`},
	{"modal", "discord", nil, `{"id":"1","token":"t","type":5,"user":{"id":"U"}}`, []string{"discord.modal | U |  | 1"}, `200 application/json {"type":5}`},
	{"webhook ping", "discord", nil, `{"version":1,"application_id":"9","type":0}`, nil, empty204},
	{"webhook event", "discord", nil, `{"version":1,"application_id":"9","type":1,"event":{"type":"APPLICATION_AUTHORIZED","data":{"user":{"id":"U"}}}}`, []string{"discord.event.APPLICATION_AUTHORIZED | U |  | "}, empty204},

	{"verify button", "line", nil, `{"destination":"U","events":[]}`, nil, object},
	{"user", "line", nil, `{"events":[{"type":"message","webhookEventId":"01","source":{"type":"user","userId":"U"}}]}`, []string{"line.message | U |  | 01"}, object},
	{"group", "line", nil, `{"events":[{"type":"join","webhookEventId":"01","source":{"groupId":"G"}}]}`, []string{"line.join |  | G | 01"}, object},
	{"two", "line", nil, `{"events":[{"type":"message","source":{"userId":"U","roomId":"R"}},{"type":"follow","source":{"userId":"V"}}]}`, []string{"line.message | U | R | ", "line.follow | V |  | "}, object},

	{"event", "stripe", nil, `{"id":"evt_1","type":"invoice.paid","data":{"object":{"id":"in_1","object":"invoice","customer":"cus_1"}}}`, []string{"stripe.invoice.paid | cus_1 |  | evt_1"}, empty200},
	{"expanded", "stripe", nil, `{"id":"evt_1","type":"invoice.paid","data":{"object":{"customer":{"id":"cus_1"}}}}`, []string{"stripe.invoice.paid | cus_1 |  | evt_1"}, empty200},
	{"customer", "stripe", nil, `{"id":"evt_1","type":"customer.created","data":{"object":{"id":"cus_1","object":"customer"}}}`, []string{"stripe.customer.created | cus_1 |  | evt_1"}, empty200},
	{"no customer", "stripe", nil, `{"id":"evt_1","type":"payout.paid","data":{"object":{"id":"po_1"}}}`, []string{"stripe.payout.paid |  |  | evt_1"}, empty200},

	{"another topic", "shopify", map[string]string{"X-Shopify-Topic": "app/uninstalled", "X-Shopify-Shop-Domain": "victim.myshopify.com", "X-Shopify-Webhook-Id": "w"}, `{"id":1,"financial_status":"paid"}`, []string{"shopify.event | victim.myshopify.com |  | w"}, empty200},
	{"another shop", "shopify", map[string]string{"X-Shopify-Topic": "app/uninstalled", "X-Shopify-Shop-Domain": "victim.myshopify.com", "X-Shopify-Webhook-Id": "w"}, `{"id":1,"myshopify_domain":"a.myshopify.com"}`, []string{"shopify.app/uninstalled | a.myshopify.com |  | w"}, empty200},
	{"order", "shopify", map[string]string{"X-Shopify-Topic": "orders/create", "X-Shopify-Shop-Domain": "a.myshopify.com", "X-Shopify-Webhook-Id": "w"}, `{"id":1}`, []string{"shopify.orders/create | a.myshopify.com |  | w"}, empty200},

	{"message", "twilio", map[string]string{"Content-Type": formType}, `MessageSid=SM1&SmsStatus=received&From=%2B1&To=%2B2`, []string{"twilio.message | +1 | +1:+2 | SM1:received"}, twiml},
	{"call", "twilio", map[string]string{"Content-Type": formType}, `CallSid=CA1&CallStatus=ringing&From=%2B1&To=%2B2`, []string{"twilio.call | +1 | +1:+2 | CA1:ringing"}, twiml},
	{"retry", "twilio", map[string]string{"Content-Type": formType, "I-Twilio-Idempotency-Token": "x"}, `CallSid=CA1&CallStatus=in-progress&From=%2B1&To=%2B2`, []string{"twilio.call | +1 | +1:+2 | x"}, twiml},
	{"JSON", "twilio", nil, `{"From":"+1"}`, []string{"twilio.event | +1 | +1: | "}, twiml},

	{"message", "teams-outgoing", nil, `{"type":"message","id":"1","from":{"id":"29:1"},"conversation":{"id":"c"}}`, []string{"teams-outgoing.message | 29:1 | c | c message 1"}, `200 application/json {"text":"Received.","type":"message"}`},
	{"message", "botframework", nil, `{"type":"message","id":"1","from":{"id":"29:1"},"conversation":{"id":"c"}}`, []string{"botframework.message | 29:1 | c | c message 1"}, empty200},
	{"invoke", "botframework", nil, `{"type":"invoke","from":{"id":"29:1"},"conversation":{"id":"c"}}`, []string{"botframework.invoke | 29:1 | c | "}, object},

	{"message", "google-chat", nil, `{"type":"MESSAGE","eventTime":"t","space":{"name":"spaces/A"},"user":{"name":"users/1"},"message":{"name":"spaces/A/messages/B","thread":{"name":"spaces/A/threads/C"}}}`, []string{"google-chat.MESSAGE | users/1 | spaces/A/threads/C | t MESSAGE spaces/A users/1 spaces/A/messages/B"}, object},
	{"added", "google-chat", nil, `{"type":"ADDED_TO_SPACE","eventTime":"t","space":{"name":"spaces/A"},"user":{"name":"users/1"}}`, []string{"google-chat.ADDED_TO_SPACE | users/1 | spaces/A | t ADDED_TO_SPACE spaces/A users/1"}, object},

	{"named", "hook0", map[string]string{"X-Hook0-Signature": "t=1,h=x-event-id x-event-type,v1=00", "X-Event-Id": "e", "X-Event-Type": "user.created"}, `{}`, []string{"hook0.user.created |  |  | e"}, nothing},
	{"not covered", "hook0", map[string]string{"X-Hook0-Signature": "t=1,v0=00,h=x-event-id x-event-type", "X-Event-Id": "e", "X-Event-Type": "user.created"}, `{"event":"user.deleted"}`, []string{"hook0.user.deleted |  |  | e"}, nothing},
	{"plain", "hmac", nil, `{"type":"x"}`, []string{"hmac.event |  |  | "}, nothing},
}

const twiml = `200 text/xml <?xml version="1.0" encoding="UTF-8"?><Response></Response>`

func TestRead(t *testing.T) {
	t.Parallel()
	for _, tt := range readCases {
		t.Run(tt.platform+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			req := &platform.Request{Method: http.MethodPost, Header: http.Header{}, Body: []byte(tt.body)}
			document := []byte(tt.body)
			for name, value := range tt.header {
				req.Header.Set(name, value)
			}
			if req.Header.Get("Content-Type") == formType {
				_, payload, isPayload := strings.Cut(tt.body, "payload=")
				if document = nil; isPayload {
					document = []byte(payload)
				}
			}
			delivery := deliver(t, get(t, tt.platform), req, document)
			var got []string
			for _, e := range delivery.Events {
				got = append(got, facts(e))
			}
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.reply, show(delivery.Reply))
		})
	}
}

// facts writes what a request says about an event in one line.
func facts(e platform.Event) string {
	return strings.Join([]string{e.Type, e.User, e.OrderKey, e.Key.Value}, " | ")
}

// show writes a reply in one line.
func show(reply *platform.Reply) string {
	if reply == nil {
		return nothing
	}
	return strings.TrimSuffix(fmt.Sprintf("%d %s %s", reply.Status, reply.ContentType, reply.Body), " ")
}

func TestBatchItemsKeepTheirBytes(t *testing.T) {
	t.Parallel()
	const first, second = `{"type":"message", "n":1.0,"text":"\u00e9"}`, `{"type":"follow"}`
	document := []byte(`{"destination":"U", "events":[` + first + ` , ` + second + `],"x":{"events":[]}}`)
	events := deliver(t, get(t, "line"), &platform.Request{}, document).Events
	require.Len(t, events, 2)
	require.Equal(t, `{"destination":"U", "events":[`+first+`],"x":{"events":[]}}`, string(events[0].Body))
	require.Equal(t, `{"destination":"U", "events":[`+second+`],"x":{"events":[]}}`, string(events[1].Body))

	alone := []byte(`{"events":[` + first + `]}`)
	require.Nil(t, deliver(t, get(t, "line"), &platform.Request{}, alone).Events[0].Body, "a single item is the request's own bytes")
}

func TestEphemeralDiscord(t *testing.T) {
	t.Parallel()
	p, err := platform.New("discord", map[string]string{"ephemeral": "on"})
	require.NoError(t, err)
	delivery := deliver(t, p, &platform.Request{}, []byte(`{"id":"1","token":"t","type":2}`))
	require.JSONEq(t, `{"type":5,"data":{"flags":64}}`, string(delivery.Reply.Body))
}

func TestProbes(t *testing.T) {
	t.Parallel()
	const challenge = "https://bots.example/hooks/demo/meta?hub.mode=subscribe&hub.challenge=1158&hub.verify_token="
	tests := map[string]struct {
		platform, method, url, body, want string
	}{
		"meta":                   {"meta", "GET", challenge + "right", "", "200 text/plain; charset=utf-8 1158"},
		"meta, wrong token":      {"meta", "GET", challenge + "wrong", "", "403 "},
		"meta, no token":         {"meta", "GET", challenge, "", "403 "},
		"meta, another mode":     {"meta", "GET", "https://bots.example/?hub.mode=x", "", ""},
		"meta, an event":         {"meta", "POST", challenge + "right", "", ""},
		"slack, get":             {"slack", "GET", "https://bots.example/?ssl_check=1&token=x", "", "200 "},
		"slack, post":            {"slack", "POST", "https://bots.example/", "ssl_check=1&token=x", "200 "},
		"slack, in the address":  {"slack", "POST", "https://bots.example/?ssl_check=1", "", ""},
		"slack, unsigned":        {"slack", "POST", "https://bots.example/", "command=x", ""},
		"slack, another request": {"slack", "GET", "https://bots.example/", "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := map[string]string{}
			if tt.platform == "meta" {
				settings["verify_token"] = "right"
			}
			p, err := platform.New(tt.platform, settings)
			require.NoError(t, err)
			req := &platform.Request{Method: tt.method, URL: tt.url, Header: http.Header{"Content-Type": {formType}}, Body: []byte(tt.body)}
			require.Equal(t, tt.want, show(p.(platform.Prober).Probe(req)))
		})
	}
	unset, err := platform.New("meta", nil)
	require.NoError(t, err)
	req := &platform.Request{Method: "GET", URL: challenge}
	require.Equal(t, "403 ", show(unset.(platform.Prober).Probe(req)), "no token configured lets nobody pass")
}
