package address_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/address"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"sqlite:data/queue.db":                   "sqlite:data/queue.db",
		"amqp://h":                               "amqp://h",
		"":                                       "",
		"file:data/blobs":                        "file:data/blobs",
		"s3://bucket/x?endpoint=http://h":        "s3://bucket/x",
		"amqp://user:hunter2@h:5672/v":           "amqp://h:5672/v",
		"amqps://u:hunter2@h1:1,h2:2,[::1]:3/v":  "amqps://h1:1,h2:2,[::1]:3/v",
		"postgres://u@h/db?password=hunter2":     "postgres://h/db",
		"postgres://h/db?password=hunter2@x":     "postgres://[redacted]",
		"amqp://u:hun/ter2@h/v":                  "amqp://[redacted]",
		"amqp://u:hun?ter2@h/v":                  "amqp://[redacted]",
		"amqp://u:hun#ter2@h/v":                  "amqp://[redacted]",
		"amqp://u:hun@ter2@h/v":                  "amqp://[redacted]",
		"amqp://u:hunter2":                       "amqp://[redacted]",
		"hunter2":                                "[redacted]",
		"postgres:///db?host=/run/x&user=hunter": "postgres:///db",
	} {
		require.Equal(t, want, address.Redact(url), url)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("u", "h/v")
	f.Add("u:/?#@", "h1:1,h2/v?x=@")
	f.Fuzz(func(t *testing.T, user, rest string) {
		const password = "0Secret0"
		shown := address.Redact("amqp://" + user + ":" + password + "@" + rest)
		require.NotContains(t, shown, password)
	})
}
