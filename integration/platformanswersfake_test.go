package integration

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1" // What Twilio signs with.
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// mark is what an interaction and the answer to it have in common, with the time that the bot takes.
var mark = regexp.MustCompile(`n(\d+)-(\d+)ms`)

// answerTo is what the bot answers to an interaction with a mark, of use for Discord and Slack.
func answerTo(mark string) string {
	return fmt.Sprintf(`{"type":4,"data":{"content":%q},"text":%[1]q}`, mark)
}

// answering is a bot that answers each interaction with its mark, after the time in it.
type answering struct {
	server *httptest.Server

	mu sync.Mutex
	// answered is told of each answer, once it is sent.
	answered func(mark string)
	// events are the ids of the events by their marks, and calls how often each was delivered.
	events map[string]string
	calls  map[string]int
}

func newAnswering(t *testing.T) *answering {
	t.Helper()
	b := &answering{events: map[string]string{}, calls: map[string]int{}, answered: func(string) {}}
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		found := mark.FindStringSubmatch(string(body))
		if found == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		b.mu.Lock()
		b.events[found[0]] = r.Header.Get("Ce-Id")
		b.calls[found[0]]++
		b.mu.Unlock()
		after, _ := strconv.Atoi(found[2])
		<-time.After(time.Duration(after) * time.Millisecond)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answerTo(found[0]))
		_ = http.NewResponseController(w).Flush()
		b.mu.Lock()
		defer b.mu.Unlock()
		b.answered(found[0])
	}))
	t.Cleanup(b.server.Close)
	return b
}

// onAnswer has a function told of each answer.
func (b *answering) onAnswer(told func(mark string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answered = told
}

// eventOf is the event with a mark, and how often the bot got it.
func (b *answering) eventOf(mark string) (id string, calls int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.events[mark], b.calls[mark]
}

// platforms sign interactions.
type platforms struct {
	discord ed25519.PrivateKey
	bot     string
}

// ask has a platform send an interaction to a gateway, and returns the answer and what it is without the bot's.
func (p platforms) ask(s *stack, platform, mark string) (a answer, usual string, err error) {
	header, body := http.Header{}, ""
	address := s.base + "/hooks/" + p.bot + "/" + platform
	switch platform {
	case "discord":
		usual = `{"type":5}`
		body = fmt.Sprintf(`{"type":2,"id":%q,"application_id":"12","token":"t","channel_id":"C","member":{"user":{"id":"U%s"}},"data":{"name":%q}}`, mark, mark, mark)
		header.Set("Content-Type", "application/json")
		header.Set("X-Signature-Timestamp", "1700000000")
		header.Set("X-Signature-Ed25519", hex.EncodeToString(ed25519.Sign(p.discord, []byte("1700000000"+body))))
	case "slack":
		body = url.Values{
			"command": {"/x"}, "text": {mark}, "team_id": {"T"}, "channel_id": {"C"}, "user_id": {"U" + mark}, "trigger_id": {mark},
			"response_url": {"https://hooks.slack.com/commands/T/1/secret"},
		}.Encode()
		header = s.signed("slack", "", "d", []byte(body))
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	case "twilio":
		usual = `<?xml version="1.0" encoding="UTF-8"?><Response></Response>`
		body = url.Values{"Body": {mark}, "From": {"+1" + mark}, "MessageSid": {"SM" + mark}, "To": {"+2"}}.Encode()
		signed := "https://gate.example/hooks/demo/twilio" + "Body" + mark + "From+1" + mark + "MessageSidSM" + mark + "To+2"
		mac := hmac.New(sha1.New, []byte(s.secret("twilio.secret")))
		mac.Write([]byte(signed))
		header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	case "teams-outgoing":
		usual = `{"text":"Received.","type":"message"}`
		body = fmt.Sprintf(`{"type":"message","id":%q,"text":%[1]q,"from":{"id":"U%[1]s"},"conversation":{"id":"C"}}`, mark)
		header = s.signed(platform, "", "d", []byte(body))
	case "telegram":
		number := strings.TrimPrefix(strings.Split(mark, "-")[0], "n")
		body = fmt.Sprintf(`{"update_id":%s,"message":{"message_id":1,"text":%q,"chat":{"id":1},"from":{"id":%[1]s}}}`, number, mark)
		header = s.signed(platform, "", "d", []byte(body))
	}
	a, err = send(http.MethodPost, address, header, []byte(body))
	return a, usual, err
}
