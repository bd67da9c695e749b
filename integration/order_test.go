package integration

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const commandsPath = "/v1/bots/demo/commands"

// TestBadTokensOfAnAddressAreLimited guesses tokens at the shipped Caddyfile until the address is refused before
// its tokens are looked at. Neither the webhooks of that address nor another one notice it.
func TestBadTokensOfAnAddressAreLimited(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	const enough = 300
	for i := range enough {
		a, err := send(http.MethodPost, s.base+commandsPath, bearer(fmt.Sprint("guess-", i)), hello)
		require.NoError(t, err)
		requireProblem(t, a, http.StatusUnauthorized, "invalid-token")
	}
	a, err := send(http.MethodGet, s.base+"/v1/events", bearer("guess"), nil)
	require.NoError(t, err)
	requireProblem(t, a, http.StatusTooManyRequests, "locked-out")
	require.NotEmpty(t, a.header.Get("Retry-After"))

	a, err = s.github("issues", "while-locked-out", issueOf(1, 1))
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	require.Equal(t, http.StatusAccepted, statusFrom(t, "127.0.0.2", s.base+commandsPath, bearer(s.token("alice"))))
}

// statusFrom sends an empty command from an address of this machine.
func statusFrom(t *testing.T, address, target string, header http.Header) int {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: 10 * time.Second}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}, Timeout: patience}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, bytes.NewReader(hello))
	require.NoError(t, err)
	r.Header = header
	response, err := client.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

// ownLimits are what users put in front of the token check: first in the snippet (client), and in a handle, which
// Caddy sorts.
var ownLimits = []string{
	"(client) {\n", `(client) {
	bot_rate_limit {
		zone ip {
			key {client_ip}
			rate 3/h
			burst 5
		}
	}
`,
	site, `	handle /own {
		bot_jwt {
			key HS256 file {$BOTGATE_DATA:data}/jwt.secret
		}
		respond 204
		bot_address_limit {
			zone own {
				rate 3/h
				burst 5
			}
		}
	}
	handle /partly {
		route {
			@token header Authorization *
			bot_jwt @token {
				key HS256 file {$BOTGATE_DATA:data}/jwt.secret
			}
			bot_enqueue {
				bot demo
			}
		}
	}

` + site,
}

// TestLimitsInFrontOfTheTokenCheck sends bad tokens above the rate, where users put a limit of addresses.
func TestLimitsInFrontOfTheTokenCheck(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.config = s.caddyfileWith(t, ownLimits...)
	s.startEmbedded()
	for _, path := range []string{commandsPath, "/own"} {
		for i := range 8 {
			a, err := send(http.MethodPost, s.base+path, bearer("guess"), hello)
			require.NoError(t, err)
			if i < 5 {
				requireProblem(t, a, http.StatusUnauthorized, "invalid-token")
			} else {
				requireProblem(t, a, http.StatusTooManyRequests, "rate-limited")
			}
		}
	}
	requirePartlyRefuses(t, s)
}

// requirePartlyRefuses sends to bot_enqueue what the matcher of its check leaves out.
func requirePartlyRefuses(t *testing.T, s *stack) {
	t.Helper()
	s.gateway.awaitLog(t, "has requests that bot_jwt does not see, and refuses them", 1)
	a, err := send(http.MethodPost, s.base+"/partly", http.Header{"Content-Type": {"application/json"}}, hello)
	require.NoError(t, err)
	requireProblem(t, a, http.StatusForbidden, "not-verified")
	a, err = send(http.MethodPost, s.base+"/partly", bearer(s.token("alice")), hello)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	eventually(t, func() error {
		out := s.gateway.output.String()
		if !strings.Contains(out, "put bot_jwt or bot_signature before bot_enqueue") || !strings.Contains(out, `"reason":"not-verified"`) {
			return errors.New("the log does not say what to do")
		}
		return nil
	})
}
