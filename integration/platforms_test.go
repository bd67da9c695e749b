package integration

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// hooks are the lines that docs/reference/platforms shows, for the shipped Caddyfile.
const hooks = `	import hook slack {
		bot_signature slack {
			secret_file {$BOTGATE_DATA:data}/slack.secret
		}
	}
	import hook line {
		bot_signature line {
			secret_file {$BOTGATE_DATA:data}/line.secret
		}
	}
	import hook discord {
		bot_signature discord {
			secret_file {$BOTGATE_DATA:data}/discord.secret
		}
	}
	import hook meta {
		bot_signature meta {
			secret_file  {$BOTGATE_DATA:data}/meta.secret
			verify_token {env.META_VERIFY_TOKEN}
		}
	}
	import hook telegram {
		import only_from_telegram
		bot_signature telegram {
			secret_file {$BOTGATE_DATA:data}/telegram.secret
		}
	}
	import hook hmac {
		bot_signature hmac {
			secret_file      {$BOTGATE_DATA:data}/hmac.secret
			header           X-Acme-Signature
			timestamp_header X-Acme-Time
			signed           "{method} {path} {header.X-Acme-Region} {timestamp}.{body}"
		}
	}
`

// startWithHooks runs the shipped Caddyfile with more platforms in it.
func startWithHooks(t *testing.T, discordKey ed25519.PublicKey, hooks string) *stack {
	t.Helper()
	s := newStack(t)
	for name, secret := range map[string]string{
		"slack": "signing-secret-of-slack", "line": "channel-secret-of-line", "discord": hex.EncodeToString(discordKey),
		"meta": "app-secret-of-meta", "telegram": "secret-token-of-telegram", "hmac": "secret-of-acme-0123",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, "data", name+".secret"), []byte(secret+"\n"), 0o600))
	}
	s.env = append(s.env, "META_VERIFY_TOKEN=verify-me")
	s.config = s.caddyfileWith(t, "\timport hook github {\n", hooks+"\timport hook github {\n")
	s.startGateway()
	return s
}

// hook sends a body as the platform would.
func (s *stack) hook(name, contentType, body string) answer {
	s.t.Helper()
	header := s.signed(name, "", "d", []byte(body))
	header.Set("Content-Type", contentType)
	return s.post(name, header, body)
}

func (s *stack) post(name string, header http.Header, body string) answer {
	s.t.Helper()
	a, err := send(http.MethodPost, s.base+"/hooks/demo/"+name, header, []byte(body))
	require.NoError(s.t, err)
	return a
}

// requireAnswer compares status and body.
func requireAnswer(t *testing.T, status int, body string, a answer) {
	t.Helper()
	require.Equal(t, status, a.status, "%s", a.body)
	require.Equal(t, body, string(a.body))
}

// TestPlatforms sends what platforms send and finds the answers and events they ask for.
func TestPlatforms(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	s := startWithHooks(t, public, hooks)

	// Handshakes are answered at the edge.
	requireAnswer(t, 200, "abc", s.hook("slack", "application/json", `{"type":"url_verification","challenge":"abc"}`))
	requireAnswer(t, 200, "{}", s.hook("line", "application/json", `{"events":[]}`))
	requireAnswer(t, 200, `{"type":1}`, s.discord(private, `{"type":1,"id":"1","token":"t"}`))
	challenge, err := send(http.MethodGet, s.base+"/hooks/demo/meta?hub.mode=subscribe&hub.challenge=77&hub.verify_token=verify-me", nil, nil)
	require.NoError(t, err)
	requireAnswer(t, 200, "77", challenge)

	// Small requests that would become gigabytes are refused, and nothing of them is accepted.
	around := strings.Repeat("x", 100_000)
	for _, bomb := range []struct {
		name, body, slug string
		status           int
	}{
		{"line", `{"destination":"` + around + `","events":[` + strings.Repeat(`{"type":"bomb"},`, 1999) + `{"type":"bomb"}]}`, "too-large", 413},
		{"line", `{"events":[` + strings.Repeat(`{"type":"bomb"},`, 1999) + `{"type":"bomb"}]}`, "too-complex", 422},
		{"meta", `{"x":"` + around + `","entry":[{"messaging":[` + strings.Repeat(`{"bomb":{}},`, 999) + `{"bomb":{}}]}]}`, "too-large", 413},
	} {
		requireProblem(t, s.hook(bomb.name, "application/json", bomb.body), bomb.status, bomb.slug)
	}

	// Events are answered in the platform's own words.
	requireAnswer(t, 200, "", s.hook("slack", "application/x-www-form-urlencoded", "command=%2Fx&team_id=T&channel_id=C&user_id=U&trigger_id=1"))
	requireAnswer(t, 200, "", s.hook("slack", "application/x-www-form-urlencoded", "payload="+url.QueryEscape(`{"type":"block_actions","user":{"id":"U"},"trigger_id":"2"}`)))
	requireAnswer(t, 200, "{}", s.hook("line", "application/json", `{"destination":"D","events":[{"type":"message","webhookEventId":"1","source":{"userId":"U1"}},{"type":"follow","webhookEventId":"2","source":{"userId":"U2"}}]}`))
	requireAnswer(t, 200, `{"type":5}`, s.discord(private, `{"type":2,"id":"1","token":"answer-me","channel_id":"C","user":{"id":"U"}}`))
	require.Equal(t, 202, s.acme(t, `{"a":1}`).status)

	want := []string{
		`discord.command U {"type":2,"id":"1","token":"answer-me","channel_id":"C","user":{"id":"U"}}`,
		`hmac.event  {"a":1}`,
		`line.follow U2 {"destination":"D","events":[{"type":"follow","webhookEventId":"2","source":{"userId":"U2"}}]}`,
		`line.message U1 {"destination":"D","events":[{"type":"message","webhookEventId":"1","source":{"userId":"U1"}}]}`,
		`slack.block_actions U payload=` + url.QueryEscape(`{"type":"block_actions","user":{"id":"U"},"trigger_id":"2"}`),
		`slack.command U command=%2Fx&team_id=T&channel_id=C&user_id=U&trigger_id=1`,
	}
	eventually(t, func() error {
		if got := s.bot.lines(); !slices.Equal(want, got) {
			return fmt.Errorf("the bot got %q", got)
		}
		return nil
	})
	eventuallyAll(t, len(want), "recorded events", func() int { return len(s.recorded()) })
}

// lines are the events that the bot got, sorted.
func (b *bot) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []string
	for _, d := range b.received {
		lines = append(lines, fmt.Sprintf("%s %s %s", d.typ, d.subject, d.body))
	}
	slices.Sort(lines)
	return lines
}

func (s *stack) discord(key ed25519.PrivateKey, body string) answer {
	s.t.Helper()
	header := http.Header{"Content-Type": {"application/json"}}
	header.Set("X-Signature-Timestamp", "1700000000")
	header.Set("X-Signature-Ed25519", hex.EncodeToString(ed25519.Sign(key, []byte("1700000000"+body))))
	return s.post("discord", header, body)
}

// acme sends what the hook "hmac" describes.
func (s *stack) acme(t *testing.T, body string) answer {
	t.Helper()
	p, err := platform.New("hmac", map[string]string{"header": "X-Acme-Signature"})
	require.NoError(t, err)
	secret, err := p.ParseSecret([]byte("secret-of-acme-0123"))
	require.NoError(t, err)
	at := fmt.Sprint(time.Now().Unix())
	header := p.(platform.Signer).Sign(secret, &platform.Request{Body: []byte("POST /hooks/demo/hmac eu " + at + "." + body)}, "")
	header.Set("X-Acme-Time", at)
	header.Set("X-Acme-Region", "eu")
	header.Set("Content-Type", "application/json")
	return s.post("hmac", header, body)
}

// TestPlatformRefusals checks the addresses of a platform, and that refusals are logged
// without secrets.
func TestPlatformRefusals(t *testing.T) {
	t.Parallel()
	public, _, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	_, stranger, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	s := startWithHooks(t, public, hooks)
	require.Equal(t, 403, s.hook("telegram", "application/json", `{"update_id":1}`).status, "loopback is not Telegram")
	require.Equal(t, 401, s.discord(stranger, `{"type":1,"id":"1","token":"t"}`).status)
	wrong, err := send(http.MethodGet, s.base+"/hooks/demo/meta?hub.mode=subscribe&hub.challenge=77&hub.verify_token=guess", nil, nil)
	require.NoError(t, err)
	require.Equal(t, 403, wrong.status)
	require.Empty(t, s.recorded())

	forged := s.signed("slack", "", "", []byte("{}"))
	forged.Set("X-Slack-Signature", "v0="+strings.Repeat("ab", 32))
	require.Equal(t, 401, s.post("slack", forged, "{}").status)
	eventually(t, func() error {
		if !strings.Contains(s.gateway.output.String(), `"reason":"signature_mismatch"`) {
			return fmt.Errorf("the refusal is not logged")
		}
		return nil
	})
	require.NotContains(t, s.gateway.output.String(), "abababab")
}

// TestLogsHoldNoSecrets turns the access log on, which Caddy writes from the request as it came; probes are not in it.
func TestLogsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_LOG_LEVEL=DEBUG", "BOTGATE_ACCESS_LOG=on")
	s.startGateway()
	header := http.Header{
		"Authorization": {"Bearer very-private"}, "Cookie": {"session=very-private"}, "X-Telegram-Bot-Api-Secret-Token": {"very-private"},
		"Referer": {"https://app.example/?code=very-private"},
	}
	for _, query := range []string{
		"access_token=very-private", "hub.verify_token=very-private&hub.mode=subscribe", "client_id=a&client_secret=very-private",
		"x=%zz&token=very-private", "a;%74oken=very-private",
	} {
		for _, path := range []string{"/v1/events", "/nothing", "/openapi.json"} {
			_, err := send(http.MethodGet, s.base+path+"?"+query, header, nil)
			require.NoError(t, err)
		}
	}
	eventually(t, func() error {
		if !strings.Contains(s.gateway.output.String(), `"uri":"/v1/events?access_token=REDACTED`) {
			return fmt.Errorf("the request is not logged")
		}
		return nil
	})
	require.NotContains(t, s.gateway.output.String(), "very-private")
	require.NotRegexp(t, `http\.log\.access.*/readyz`, s.gateway.output.String())
}

// TestRevokedToken ends a token with the command, and finds it refused.
func TestRevokedToken(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, s *stack) {
		token := s.tokenWith(jwt.MapClaims{"sub": "ada", "jti": "one", "iat": time.Now().Unix()})
		ask := func() int {
			a, err := send(http.MethodGet, s.base+"/v1/events", http.Header{"Authorization": {"Bearer " + token}}, nil)
			require.NoError(t, err)
			return a.status
		}
		require.Equal(t, 200, ask())
		_, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "revoke", "--jti", "one")
		require.Zero(t, code, stderr)
		eventually(t, func() error {
			if status := ask(); status != 401 {
				return fmt.Errorf("the token is answered with %d", status)
			}
			return nil
		})
	})
}
