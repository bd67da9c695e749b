package integration

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/platform"
)

// bot is a bot to deliver to. It writes down what it gets and checks every signature.
type bot struct {
	server *httptest.Server

	mu sync.Mutex
	// secrets are those of which one must have signed what comes.
	secrets  []platform.Secret
	received []delivered
	ids      map[string]bool
	forged   int
	fail     func(delivered) int
	// off is by how much the clocks are wrong against which signatures are checked; one of them has to do.
	off []time.Duration
}

// delivered is one request that the bot got.
type delivered struct {
	id, webhookID, typ, subject, contentType, requestID string
	// traceParent is the W3C header, and creator the attribute of the event.
	traceParent, creator string
	// hubSignature is GitHub's own, where it is forwarded.
	hubSignature string
	body         []byte
}

func newBot(t *testing.T, secretFile string) *bot {
	t.Helper()
	verifier := platform.StandardWebhooks()
	raw, err := os.ReadFile(secretFile)
	require.NoError(t, err)
	b := &bot{ids: map[string]bool{}, off: []time.Duration{0}}
	secret, err := verifier.ParseSecret(bytes.TrimSpace(raw))
	require.NoError(t, err)
	b.secrets = []platform.Secret{secret}
	b.server = httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(b.server.Close)
	return b
}

func (b *bot) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	d := delivered{
		id: r.Header.Get("Ce-Id"), webhookID: r.Header.Get("Webhook-Id"), typ: r.Header.Get("Ce-Type"), subject: r.Header.Get("Ce-Subject"),
		contentType: r.Header.Get("Content-Type"), requestID: r.Header.Get("X-Request-Id"), body: body,
		traceParent: r.Header.Get("Traceparent"), creator: r.Header.Get("Ce-Traceparent"), hubSignature: r.Header.Get("X-Hub-Signature-256"),
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	verified := slices.ContainsFunc(b.off, func(off time.Duration) bool {
		request := &platform.Request{Method: r.Method, Header: r.Header, Body: body, Now: time.Now().Add(off)}
		return platform.StandardWebhooks().Verify(request, b.secrets) == nil
	})
	id := d.id
	if n := r.Header.Get("Botgate-Replay"); n != "" {
		id += ".r" + n
	}
	if !verified || r.Header.Get("Webhook-Id") != id {
		b.forged++
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if b.fail != nil {
		if status := b.fail(d); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	b.received = append(b.received, d)
	b.ids[d.id] = true
	w.WriteHeader(http.StatusNoContent)
}

// failWith makes the bot answer with what fail returns, or 204 where that is 0.
func (b *bot) failWith(fail func(delivered) int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = fail
}

// trust makes the bot take what one of the secrets signed.
func (b *bot) trust(secrets ...platform.Secret) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.secrets = secrets
}

// refused counts what the bot did not take for its signature.
func (b *bot) refused() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.forged
}

// useClocks makes the bot check signatures against times that are wrong by so much.
func (b *bot) useClocks(off ...time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.off = off
}

// all returns what the bot accepted, in the order of arrival.
func (b *bot) all() []delivered {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]delivered(nil), b.received...)
}

// distinct counts the events that the bot accepted.
func (b *bot) distinct() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ids)
}

// writeBotsFile writes a bots file for the bots in the data folder; keep says which answers are kept.
func writeBotsFile(t *testing.T, data, url string, keep bots.KeepAnswers) {
	t.Helper()
	content := `{"bots":{"demo":{"url":` + strconv.Quote(url) + `,"allow_private":true,"secret_files":["demo-bot.secret"],"keep_answers":"` + string(keep) + `"}}}`
	require.NoError(t, os.WriteFile(filepath.Join(data, "bots.json"), []byte(content), 0o600))
}
