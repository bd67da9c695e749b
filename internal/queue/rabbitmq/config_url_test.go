package rabbitmq

import (
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for raw, hosts := range map[string][]string{
		"amqp://u:p@h":                           {"h"},
		"amqp://u:p@h1:5672,h2:5673/vhost":       {"h1:5672", "h2:5673"},
		"amqps://u:p%40ss@[::1]:5671,b.example/": {"[::1]:5671", "b.example"},
		"amqps://u:p@h?cacertfile=%2Fca.pem":     {"h"},
		"amqp://u@h1,h2/?passwordfile=secret":    {"h1", "h2"},
	} {
		endpoints, _, err := parseURL(raw)
		require.NoError(t, err, raw)
		var got []string
		for _, e := range endpoints {
			got = append(got, e.host)
			require.Equal(t, strings.HasPrefix(raw, "amqps"), e.tls)
		}
		require.Equal(t, hosts, got)
	}
	endpoints, _, err := parseURL("amqp://user:p%2Fw@h1,h2:99/a%2Fb")
	require.NoError(t, err)
	uri, err := amqp.ParseURI(endpoints[1].uri)
	require.NoError(t, err)
	require.Equal(t, "user", uri.Username)
	require.Equal(t, "p/w", uri.Password)
	require.Equal(t, "h2", uri.Host)
	require.Equal(t, 99, uri.Port)
	require.Equal(t, "a/b", uri.Vhost)
}

func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"", "host:5672", "http://u:p@h", "amqp://", "amqp://h", "amqp://u@h", "amqp://:p@h",
		"amqp://u:p@", "amqp://u:p@h,", "amqp://u:p@h:0", "amqp://u:p@h:70000", "amqp://u:p@h:x",
		"amqp://u:p@h1:5672:1", "amqp://u:p#w@h", "amqp://u:p@h#frag", "amqp://u:p@h/?%zz",
		"amqp://u:p%zz@h", "amqp://u:p@h h", "amqp://u:p@h/v@h", "amqps://u:p@h?cacertfile=a@b",
	} {
		_, _, err := parseURL(raw)
		require.Error(t, err, raw)
	}
}

func TestURLParameters(t *testing.T) {
	t.Parallel()
	endpoints, found, err := parseURL("amqps://u:p@a,b/v?cacertfile=/etc/my%20ca.pem&certfile=c.pem&keyfile=k.pem")
	require.NoError(t, err)
	require.Equal(t, parameters{ca: "/etc/my ca.pem", cert: "c.pem", key: "k.pem"}, found)
	require.Equal(t, "amqps://u:p@b/v", endpoints[1].uri, "the library gets no parameters")
	require.NoError(t, CheckURL("amqps://u:p@h?cacertfile=no-such-file.pem"), "files are not read")
	for raw, reason := range map[string]string{
		"amqps://u:p@h?cafile=x":                    `unknown parameter "cafile"`,
		"amqps://u:p@h/v?cacertfile=x&heartbeat=1":  `unknown parameter "heartbeat"`,
		"amqps://u:p@h?cacertfile=":                 "cacertfile must be given once",
		"amqps://u:p@h?cacertfile=a&cacertfile=b":   "cacertfile must be given once",
		"amqps://u:p@h?certfile=a":                  "certfile and keyfile",
		"amqp://u:p@h?passwordfile=a":               "passwordfile instead of the password",
		"amqp://u@h":                                "or a passwordfile",
		"amqp://u@h?passwordfile=":                  "passwordfile must be given once",
		"amqp://u:p@h?queues=many":                  "queues can only be shared",
		"amqps://u:p@h?keyfile=a":                   "certfile and keyfile",
		"amqp://u:p@h?cacertfile=a":                 "not amqps://",
		"amqps://u:p@ss?word@h":                     "percent-encode",
		"amqps://u:p@h?certfile=a&keyfile=b&x=%zz&": "malformed query",
	} {
		require.ErrorContains(t, CheckURL(raw), reason, raw)
	}
}

// A password must not get into an error, whatever is wrong with the URL.
func FuzzParseURL(f *testing.F) {
	f.Add("amqp://user:%s@host:5672,other/vhost")
	f.Add("amqps://u:%s@[::1]/?heartbeat=x")
	f.Add("amqps://u:%s@h/v?cacertfile=ca.pem&certfile=c.pem&keyfile=k%2Ep")
	f.Add("amqp://u:p@ss?%s=x@h")
	f.Add("http://u:%s@h h#")
	f.Add("amqp://u:%s@h:%s/%zz")
	f.Fuzz(func(t *testing.T, raw string) {
		const secret = "s3cr3tpassw0rd"
		raw = strings.Replace(raw, "%s", secret, 1)
		endpoints, _, err := parseURL(raw)
		if err != nil {
			if before, _, ok := strings.Cut(raw, "@"); ok && strings.Contains(before, secret) {
				require.NotContains(t, err.Error(), secret)
			}
			return
		}
		require.NotEmpty(t, endpoints)
		for _, e := range endpoints {
			uri, err := amqp.ParseURI(e.uri)
			require.NoError(t, err)
			require.NotEmpty(t, uri.Username)
			require.NotEmpty(t, uri.Host)
			require.NotContains(t, e.host, "@")
		}
	})
}
