package restrict_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/restrict"
)

func TestText(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":                           "it is empty",
		" ":                          "nothing but white space",
		"\t\r\n":                     "nothing but white space",
		"\u00a0\u2003":               "nothing but white space",
		"\ufeff":                     "nothing but white space",
		"\u200b\u200d":               "nothing but white space",
		"{env.ISSUER}":               "{env.ISSUER} was not replaced",
		"{$ISSUER}":                  "{$ISSUER} was not replaced",
		"{$ISSUER:https://x}":        "{$ISSUER:https://x} was not replaced",
		"${ISSUER}":                  "${ISSUER} was not replaced",
		"${ISSUER:-https://x}":       "${ISSUER:-https://x} was not replaced",
		"$ISSUER":                    "$ISSUER was not replaced",
		"https://$TENANT.example/":   "$TENANT was not replaced",
		"https://{tenant}.example/":  "{tenant} was not replaced",
		"https://x/{args[0]}":        "{args[0]} was not replaced",
		"{http.vars.x}":              "{http.vars.x} was not replaced",
		"{{ .Values.issuer }}":       "{{ .Values.issuer }} was not replaced",
		"{?query}":                   "{?query} was not replaced",
		"%ISSUER%":                   "%ISSUER% was not replaced",
		"<your-client-id>":           "<your-client-id> was not replaced",
		"commands:{block}":           "{block} was not replaced",
		"tenant-$tenant_id-readonly": "$tenant_id was not replaced",
	} {
		require.ErrorContains(t, restrict.Text(value), want, "%q", value)
	}
	for _, value := range []string{
		"botgate", "https://idp.example/realms/a%2Fb", "api://4a1c", "commands:write", "a b", "5 $", "$5", "100%", "a<b>c",
		"HMAC ", "{", "}", "{}", "{1}", `{"a":1}`, "ü", "^[a-z]{2,3}$", "*",
	} {
		require.NoError(t, restrict.Text(value), "%q", value)
	}
	require.NoError(t, restrict.Texts(nil))
	require.NoError(t, restrict.Texts([]string{"a", "b"}))
	require.ErrorContains(t, restrict.Texts([]string{"a", ""}), "it is empty")
}

func TestSecret(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"": "it is empty", " ": "white space", "\n\n": "white space", "\u200b": "white space",
		"{env.SECRET_KEY}":                   "nothing replaced",
		"{secrets.jwt_signing_key_of_2026}":  "nothing replaced",
		"{$SECRET}":                          "nothing replaced",
		"${JWT_SECRET:-of 32 bytes or more}": "nothing replaced",
		"$JWT_SECRET":                        "nothing replaced",
		"$jwt_secret\n":                      "nothing replaced",
		"{{ jwt_secret }}":                   "nothing replaced",
		"%JWT_SECRET%":                       "nothing replaced",
		"<put the secret here>":              "nothing replaced",
	} {
		err := restrict.Secret([]byte(value))
		require.ErrorContains(t, err, want, "%q", value)
		require.NotContains(t, strings.ToLower(err.Error()), "jwt")
	}
	for _, value := range []string{
		"It's a Secret to Everybody", "p{a}ssw$ord-%x%-<y>-and-more", "$2b$12$abcdefghijklmnopqrstuv", "\xff\x00 ",
		`{"keys":[]}`, `{ "kty": "oct" }`, "whsec_MDEyMzQ1", "-----BEGIN PUBLIC KEY-----\n$A\n", "{ab}{cd}", "a$B",
	} {
		require.NoError(t, restrict.Secret([]byte(value)), "%q", value)
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"": "it is empty", " \t": "white space",
		"{env.QUEUE}": "not replaced", "$QUEUE": "not replaced", "${QUEUE:-amqp://hunter2}": "not replaced",
		"amqp://u:{env.PW}@hunter2": "not replaced", "amqp://u:$hunter2@host": "not replaced",
		"amqp://u:p@$hunter2": "not replaced", "postgres://u:p@h/${hunter2}": "not replaced",
		"redis://:%PW%@h": "not replaced", "{$DATA}/queue.db": "not replaced",
	} {
		err := restrict.Address(value)
		require.ErrorContains(t, err, want, "%q", value)
		require.NotContains(t, err.Error(), "hunter2")
	}
	for _, value := range []string{
		"sqlite:data/queue.db", "amqp://u:pa$word@h1,h2", "redis://:a$b@h", "amqp://guest:@h", "data", `C:\data`,
		"s3://bucket/p?endpoint=https://h&region=x", "postgres://u:p%24x@h/db?sslmode=require", "127.0.0.1:8081",
	} {
		require.NoError(t, restrict.Address(value), "%q", value)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	require.NoError(t, restrict.Size(16, restrict.LeastSecret))
	require.EqualError(t, restrict.Size(15, restrict.LeastSecret),
		"the secret has 15 bytes, and at least 16 are needed")
}

// FuzzText: what passes can be seen, and has no placeholder of a Caddyfile or a shell in it; what is no
// text restricts as a secret, too, where it does as a text.
func FuzzText(f *testing.F) {
	for _, value := range []string{"", " ", "{env.X}", "a{$B}c", "${C}", "$D", "https://idp.example", "{", "$", "\u200b"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if restrict.Text(value) != nil {
			return
		}
		require.NotEmpty(t, strings.TrimSpace(value))
		require.NoError(t, restrict.Secret([]byte(value)))
		for _, name := range []string{"{env.X}", "{$X}", "${X}", "$X", "{http.request.header.X}"} {
			require.Error(t, restrict.Text(name))
			require.Error(t, restrict.Text(value+name))
			require.Error(t, restrict.Text(name+value))
		}
	})
}
