package botlimit

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// restricted validates a zone that one value was changed of, and returns what was warned of.
func restricted(change func(z *Zone)) (warned string, err error) {
	z := Zone{Name: "a", Key: "{http.auth.user.id}", Rate: Rate{1, time.Second}}
	change(&z)
	h := Handler{Zones: []Zone{z}}
	if err := validate(h); err != nil {
		return "", err
	}
	var log bytes.Buffer
	h.Zones[0].doubts(slog.New(slog.NewTextHandler(&log, nil)))
	return log.String(), nil
}

// TestLimitsThatLimitNobody are errors: each of them passes every request, or as many as the caller likes.
func TestLimitsThatLimitNobody(t *testing.T) {
	t.Setenv("BOTGATE_TEST_EMPTY", "")
	for key, want := range map[string]string{
		"{http.bot.usr}": "no placeholder {http.bot.usr}", "{http.bot.}": "no placeholder",
		"{http.auth.user}": "no placeholder", "{http.auth.user.}": "no placeholder", "{http.auth.usr.id}": "no placeholder",
		"{http.request.remote.hots}": "no placeholder", "{http.request.heder.X-Key}": "no placeholder",
		"{http.response.header.X-Key}": "no placeholder", "{}": "no placeholder", "a {http.bot.usr} b": "no placeholder",
		"{args[0]}": "no placeholder", "{$TENANT}": "no placeholder", "${TENANT}": "no placeholder ${TENANT}",
		"$TENANT": "$TENANT was not replaced", "{http.bot.user}-$TENANT": "$TENANT was not replaced",
		"{env.BOTGATE_TEST_EMPTY}": "comes out empty", "{env.BOTGATE_TEST_UNSET}": "comes out empty",
		"{file.no/such/file}": "comes out empty", " ": "white space",
		"{http.request.uuid}": "never the same", "{http.request.remote}": "never the same",
		"{http.vars.client_ip} {http.request.remote.port}": "never the same", "{time.now.unix_ms}": "never the same",
	} {
		_, err := restricted(func(z *Zone) { z.Key = key })
		require.ErrorContains(t, err, "option key: ", key)
		require.ErrorContains(t, err, want, key)
	}
	for _, value := range []string{
		"{http.request.header.X-Cost}", "{http.request.cookie.cost}", "{http.request.uri.query.cost}",
		"{http.request.uri.query}", "{http.request.body}", "{http.request.body_base64}", "{http.request.orig_uri.query}",
	} {
		_, err := restricted(func(z *Zone) { z.Cost = value })
		require.ErrorContains(t, err, "option cost: the caller writes "+value)
		_, err = restricted(func(z *Zone) { z.Plan, z.Plans = value, map[string]Plan{"pro": {Rate: Rate{9, time.Second}}} })
		require.ErrorContains(t, err, "option plan: the caller writes "+value)
	}
	for _, value := range []string{
		"0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "2000::/3", "::ffff:0.0.0.0/96", " ", "$OPS", "{$OPS}",
		"{env.BOTGATE_TEST_EMPTY}", "{http.auth.user.id}",
	} {
		_, err := restricted(func(z *Zone) { z.Exempt = []string{"", "10.0.0.0/8", value} })
		require.ErrorContains(t, err, "option exempt: ", value)
	}
	_, err := restricted(func(z *Zone) { z.Key, z.Exempt = "everybody", []string{"everybody"} })
	require.ErrorContains(t, err, "everybody's key")
}

// TestLimitsThatAreMeant are taken, and warned of where they may be a slip.
func TestLimitsThatAreMeant(t *testing.T) {
	t.Setenv("BOTGATE_TEST_KEY", "eu")
	for key, want := range map[string]string{
		"": "", "{http.vars.client_ip}": "", "{http.auth.user.id}": "", "{http.auth.user.tenant}": "",
		"{http.bot.user}": "", "{http.bot.platform}/{http.bot.type}/{http.bot.order_key}/{http.bot.delivery_key}": "",
		"{http.bot.verified_by} {http.bot.allowed}": "", "{http.request.remote.host}": "", "{http.regexp.hook.1}": "",
		"{http.request.remote.host/24,56}": "", "{http.request.local.host}": "", "{http.request.method}": "",
		"{http.request.tls.client.fingerprint}": "", "{env.BOTGATE_TEST_KEY}-{http.auth.user.id}": "", "everybody": "",
		"{http.request.header.X-Api-Key}":                   "callers write",
		"{http.auth.user.id} {http.request.header.X-Phone}": "callers write",
		"{http.request.uri.query.user}":                     "callers write", "{http.request.uri.path.2}": "callers write",
		"{http.request.cookie.session}": "callers write", "{http.request.host}": "callers write",
		"{tenant}": "neither Caddy nor Botgate", "{user.id}": "neither Caddy nor Botgate",
	} {
		warned, err := restricted(func(z *Zone) { z.Key = key })
		require.NoError(t, err, key)
		require.Equal(t, want != "", warned != "", "%s: %s", key, warned)
		require.Contains(t, warned, want, key)
	}
	for key, doubted := range map[string]bool{
		"{http.auth.user.idd}": true, "{http.auth.user.tenant}": true,
		"{http.auth.user.id}": false, "{http.auth.user.bot}": false, "{http.bot.user}": false,
	} {
		warned, err := restricted(func(z *Zone) { z.Key, z.Exempt = key, []string{"", "10.0.0.0/8", "fc00::/7", "svc/a"} })
		require.NoError(t, err, key)
		require.Equal(t, doubted, strings.Contains(warned, "require_claim"), key)
	}
	warned, err := restricted(func(z *Zone) { z.Cost = "{http.auth.user.cost}" })
	require.NoError(t, err)
	require.Empty(t, warned)
}
