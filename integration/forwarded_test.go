package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestForwardedHeaders sends a webhook with a large body to a bot that refuses it first, and has it replayed: each
// time the platform's own signature is there, and nowhere else. An API client's header of that name is not.
func TestForwardedHeaders(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*stack){"Embedded": (*stack).startEmbedded, "Services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			file := fmt.Sprintf(`{"bots":{"demo":{"url":"%s/events","allow_private":true,"secret_files":["demo-bot.secret"],
				"forward_headers":["x-hub-signature-256"]}}}`, s.bot.server.URL)
			require.NoError(t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), []byte(file), 0o600))
			start(s)
			s.startWorker()
			s.requireForwards()
		})
	}
}

// requireForwards follows a webhook and a command to the bot.
func (s *stack) requireForwards() {
	s.t.Helper()
	t := s.t
	seen := make(chan delivered, 10)
	s.bot.failWith(func(d delivered) int { seen <- d; return http.StatusGone })
	body := []byte(`{"zen":"` + string(bytes.Repeat([]byte("x"), 300<<10)) + `"}`)
	want := s.signed("github", "ping", "d1", body).Get("X-Hub-Signature-256")
	a, err := s.github("ping", "d1", body)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	require.Equal(t, want, (<-seen).hubSignature)
	var accepted struct{ ID string }
	a.json(t, &accepted)
	s.awaitStatus(accepted.ID, "dead")

	s.bot.failWith(nil)
	s.deadJob(http.MethodPost, "/"+accepted.ID+"/replay")
	shown := s.awaitStatus(accepted.ID, "delivered")
	all := s.bot.all()
	require.Len(t, all, 1)
	require.Equal(t, want, all[0].hubSignature)
	require.Equal(t, body, all[0].body)
	require.NotContains(t, string(shown.body), want)
	require.NotContains(t, s.gateway.output.String(), want)

	header := bearer(s.token("alice"))
	header.Set("X-Hub-Signature-256", "of a client")
	a, err = send(http.MethodPost, s.base+"/v1/bots/demo/commands", header, hello)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	eventually(t, func() error {
		if n := len(s.bot.all()); n != 2 {
			return fmt.Errorf("the bot got %d", n)
		}
		return nil
	})
	require.Empty(t, s.bot.all()[1].hubSignature)
}
