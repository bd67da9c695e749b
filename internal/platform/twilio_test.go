package platform_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// TestTwilioAddresses verifies requests to addresses that Twilio signs in another spelling than it sends
// them, and that a proxy has shortened.
func TestTwilioAddresses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ base, sent, signed string }{
		"as it came":             {"", "https://bots.example/t?a=1&b=x+y", "https://bots.example/t?a=1&b=x+y"},
		"with its port":          {"", "https://bots.example/t", "https://bots.example:443/t"},
		"without its port":       {"", "https://bots.example:8443/t", "https://bots.example/t"},
		"IPv6":                   {"", "https://[::1]/t", "https://[::1]:443/t"},
		"quote signed as it is":  {"", "https://bots.example/t?name=O%27hara", "https://bots.example/t?name=O'hara"},
		"quote and plus":         {"", "https://bots.example/t?name=William+O%27hara", "https://bots.example/t?name=William+O'hara"},
		"quote signed escaped":   {"", "https://bots.example/t?name=O'hara", "https://bots.example/t?name=O%27hara"},
		"caller of SIP":          {"", "https://bots.example/t?Caller=sip%3A12%40209.182.172.181", "https://bots.example/t?Caller=sip:12@209.182.172.181"},
		"caller of SIP, escaped": {"", "https://bots.example/t?Caller=sip:12@209.182.172.181", "https://bots.example/t?Caller=sip%3A12%40209.182.172.181"},
		"all of them":            {"", "https://bots.example/t?a=%27%28%29%2A%21%40%3A", "https://bots.example/t?a='()*!@:"},
		"quote beside an at":     {"", "https://bots.example/t?a=%27%40", "https://bots.example/t?a='%40"},
		"in the path":            {"", "https://bots.example/t/o'hara@x:1/%27", "https://bots.example/t/o'hara@x:1/%27"},
		"another host":           {"https://bots.example.com", "http://10.0.0.1:8080/t?a=1", "https://bots.example.com/t?a=1"},
		"a path taken away":      {"https://bots.example.com/public", "http://10.0.0.1:8080/t?a=1", "https://bots.example.com/public/t?a=1"},
		"a path with a slash":    {"https://bots.example.com/public/", "http://10.0.0.1/t?a=%27", "https://bots.example.com/public/t?a='"},
		"with a password":        {"https://user:pass@bots.example.com/p", "http://10.0.0.1/t", "https://user:pass@bots.example.com/p/t"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := map[string]string{}
			if tt.base != "" {
				settings["url"] = tt.base
			}
			p, err := platform.New("twilio", settings)
			require.NoError(t, err)
			secrets := []platform.Secret{parse(t, p, "token")}
			req := twilioRequest(tt.sent)
			signTwilio(req, tt.signed)
			require.NoError(t, p.Verify(req, secrets))
			signTwilio(req, tt.signed+"x")
			require.ErrorIs(t, p.Verify(req, secrets), platform.SignatureMismatch)
		})
	}
	for _, wrong := range []string{"bots.example.com", "ftp://x", "https://x?a=1", "https://", "https://x#y"} {
		_, err := platform.New("twilio", map[string]string{"url": wrong})
		require.ErrorContains(t, err, "option url", wrong)
	}
}

func twilioRequest(address string) *platform.Request {
	return &platform.Request{
		Method: http.MethodPost, URL: address, Header: http.Header{"Content-Type": {formType}}, Body: []byte("From=sip%3Ao%27hara%40x&To=%2B1"),
	}
}

// TestTwilioStream reads the list of CloudEvents that Event Streams sends, whose hash is in the address.
func TestTwilioStream(t *testing.T) {
	t.Parallel()
	const first = `{"specversion":"1.0","type":"com.twilio.messaging.message.delivered","source":"/s","id":"EZ1","data":{"messageSid":"SM1"}}`
	const second = `{"specversion":"1.0","type":"com.twilio.conversations.message.added","source":"/s","id":"EZ2","data":{"ConversationSid":"CH1","EventType":"x","Author":"alice"}}`
	body := []byte("[" + first + " , " + second + "]")
	sum := sha256.Sum256(body)
	req := &platform.Request{Method: http.MethodPost, URL: "https://bots.example/t?bodySHA256=" + hex.EncodeToString(sum[:]), Header: http.Header{}, Body: body}
	p := get(t, "twilio")
	req.Header.Set("X-Twilio-Signature", "x")
	secrets := []platform.Secret{parse(t, p, "token")}
	require.Error(t, p.Verify(req, secrets))
	form := *req
	form.Body = nil
	signTwilio(&form, req.URL)
	require.NoError(t, p.Verify(req, secrets))

	events := deliver(t, p, req, body).Events
	require.Len(t, events, 2)
	require.Equal(t, "twilio.messaging.message.delivered |  |  | /s EZ1", facts(events[0]))
	require.Equal(t, "twilio.conversations.message.added | alice | CH1 | /s EZ2", facts(events[1]))
	require.Equal(t, "["+first+"]", string(events[0].Body))
	require.True(t, events[0].Key.Suffices(), "CloudEvents are unique by source and id")
}

// TestTwilioToken: what nobody signed names only what nothing else can name, and the same signed bytes are a
// repeat whatever it says.
func TestTwilioToken(t *testing.T) {
	t.Parallel()
	read := func(body, token string) platform.Key {
		req := twilioRequest("https://bots.example/t")
		req.Body = []byte(body)
		req.Header.Set("I-Twilio-Idempotency-Token", token)
		key := deliver(t, get(t, "twilio"), req, nil).Events[0].Key
		require.False(t, key.Rule.Signed || key.Rule.Equal, body)
		return key
	}
	const message, step = "MessageSid=SM1&SmsStatus=received&Body=x", "CallSid=CA1&CallStatus=in-progress&Digits=1"
	require.Equal(t, read(message, "t1"), read(message, "t2"), "a message has its name")
	require.NotEqual(t, read(step, "t1").Value, read(step, "t2").Value, "a caller may press a key twice")
	require.NotEmpty(t, read(step, "").Value)
	require.Equal(t, "t1", read("X=1", "t1").Value)
	require.Empty(t, read("X=1", "").Value)
}
