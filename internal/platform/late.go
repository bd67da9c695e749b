package platform

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/botgate/botgate/internal/mediatype"
)

var (
	// ErrNoLateChannel means that the platform takes no such answer once its request was answered.
	ErrNoLateChannel = errors.New("the platform takes no such answer later")
	// ErrUnfit means that it takes answers then, and that this is none that it can take.
	ErrUnfit = errors.New("the answer does not fit the platform's late channel")
)

// Late is what a bot said once the platform's request was answered, and what it was asked.
type Late struct {
	// Request is the body of the platform's request.
	Request []byte
	// Ephemeral is [Reply.Ephemeral] of what it was answered.
	Ephemeral bool
	// ContentType and Body are the answer.
	ContentType string
	Body        []byte
}

// LateCall is a request that brings such an answer to the platform, by https. Its path has a secret.
type LateCall struct {
	Method, Host, Path string
	// Body is JSON.
	Body []byte
}

// LateChannel is how a platform takes answers once its request was answered.
type LateChannel struct {
	// Lives is for how long after the request.
	Lives time.Duration
	// UserAgent is what the platform wants the client to be called.
	UserAgent string
	hosts     []string
	call      func(Late) (LateCall, error)
}

// lateChannels has the platforms that have one. Where the bot needs credentials of its own, as with Telegram, there is
// none.
var lateChannels = map[string]*LateChannel{
	"discord": {Lives: discordLives, UserAgent: discordAgent, hosts: []string{discordHost}, call: discordLate},
	"slack":   {Lives: slackLives, UserAgent: "Botgate", hosts: slackHosts, call: slackLate},
}

// LateChannelOf returns that of the platform of a name, or nil.
func LateChannelOf(name string) *LateChannel { return lateChannels[name] }

// Call says what brings an answer to the platform. Its errors are [ErrNoLateChannel] and [ErrUnfit].
func (c *LateChannel) Call(late Late) (LateCall, error) {
	call, err := c.call(late)
	switch {
	case err != nil:
		return LateCall{}, err
	case !c.Goes(call.Host): // Whatever the request says.
		return LateCall{}, ErrNoLateChannel
	}
	return call, nil
}

// Goes reports whether requests may go to a host.
func (c *LateChannel) Goes(host string) bool {
	return slices.Contains(c.hosts, host)
}

// object returns the answer where it is a JSON object.
func (l Late) object() ([]byte, bool) {
	media := mediatype.Of(l.ContentType)
	if media != "application/json" && media != "" || !isObject(l.Body) {
		return nil, false
	}
	return l.Body, true
}

// text returns the answer where it is plain text.
func (l Late) text() (string, bool) {
	if mediatype.Of(l.ContentType) != "text/plain" || !mediatype.IsUTF8(l.ContentType) || !utf8.Valid(l.Body) {
		return "", false
	}
	return string(l.Body), true
}

// document is the JSON of the request, or what a form has in its place.
func (l Late) document() (object []byte, form url.Values) {
	if isObject(l.Request) {
		return l.Request, nil
	}
	form, err := url.ParseQuery(string(l.Request))
	if err != nil {
		return nil, nil
	}
	if payload := form.Get("payload"); payload != "" {
		return []byte(payload), nil
	}
	return nil, form
}

// isObject reports whether a text is a JSON object.
func isObject(document []byte) bool {
	return json.Valid(document) && document[skipSpace(document, 0)] == '{'
}

func post(host, path string, body []byte) LateCall {
	return LateCall{Method: http.MethodPost, Host: host, Path: path, Body: body}
}
