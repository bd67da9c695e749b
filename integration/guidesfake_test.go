package integration

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakePlatform stands for what a guide's bot calls.
type fakePlatform struct {
	// modules are the npm packages of the guide.
	modules []string
	// api is the address in the texts that the fake has in its place.
	api string
	// client is code of the bot and what is in its place, where an SDK has to be told the address; %s is that.
	client [2]string
	// answers are by what the path ends with, {"ok":true} for others; asked is what must have come, as method, path
	// and a part of the body.
	answers map[string]string
	asked   [][3]string

	mu  sync.Mutex
	got [][3]string
}

// guidedPlatforms are the fakes of the guides.
func guidedPlatforms() map[string]*fakePlatform {
	return map[string]*fakePlatform{
		"telegram": {
			modules: []string{"grammy"}, api: "https://api.telegram.org",
			client: [2]string{"Bot(process.env.BOT_TOKEN)", `Bot(process.env.BOT_TOKEN, { client: { apiRoot: "%s" } })`},
			answers: map[string]string{
				"/getMe":       `{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"b","username":"b"}}`,
				"/sendMessage": `{"ok":true,"result":{"message_id":2,"date":1,"chat":{"id":7,"type":"private"}}}`,
			},
			asked: [][3]string{
				{"POST", "/bot123456:your-token/sendMessage", "You said: hello"},
				{"POST", "/bot123456:your-token/setWebhook", "secret_token="},
			},
		},
		"slack": {
			modules: []string{"@slack/bolt"}, api: "https://hooks.slack.com",
			client:  [2]string{"SLACK_SIGNING_SECRET }", `SLACK_SIGNING_SECRET, clientOptions: { slackApiUrl: "%s/api/" } }`},
			answers: map[string]string{"/auth.test": `{"ok":true,"user_id":"U0","bot_id":"B0","team_id":"T1"}`},
			asked:   [][3]string{{"POST", "/api/chat.postMessage", "Hello"}, {"POST", "/commands/T1/1", "Sunny in Oslo"}},
		},
		"discord": {
			modules: []string{"discord-interactions"}, api: "https://discord.com",
			asked: [][3]string{{"PATCH", "/api/v10/webhooks/9/t/messages/@original", "Pong, ada"}},
		},
		"github": {modules: []string{"@octokit/webhooks"}},
		"client": {},
	}
}

// serve starts the fake, and returns what is in the place of the platform, as pairs.
func (f *fakePlatform) serve(t *testing.T) []string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(f.answer))
	t.Cleanup(server.Close)
	var places []string
	if f.api != "" {
		places = []string{f.api, server.URL, url.QueryEscape(f.api), url.QueryEscape(server.URL)}
	}
	if f.client[0] != "" {
		places = append(places, f.client[0], strings.ReplaceAll(f.client[1], "%s", server.URL))
	}
	return places
}

func (f *fakePlatform) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.got = append(f.got, [3]string{r.Method, r.URL.Path, string(body)})
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	for end, answer := range f.answers {
		if strings.HasSuffix(r.URL.Path, end) {
			_, _ = io.WriteString(w, answer)
			return
		}
	}
	_, _ = io.WriteString(w, `{"ok":true}`)
}

// requireAsked looks for what the guide's bot must have asked, each at least once.
func (f *fakePlatform) requireAsked(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, want := range f.asked {
		n := 0
		for _, got := range f.got {
			body, err := url.QueryUnescape(got[2])
			if err != nil {
				body = got[2]
			}
			if got[0] == want[0] && got[1] == want[1] && strings.Contains(body, want[2]) {
				n++
			}
		}
		require.Positive(t, n, "%s in %s", want, f.got)
	}
}
