package config_test

import (
	"bytes"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/config"
)

// fromEnv reads the settings from environment variables.
func fromEnv(values map[string]string) (config.Config, error) {
	return config.Load(func(o config.Option) string { return values[o.Env] })
}

func TestDefaultIsValid(t *testing.T) {
	t.Parallel()
	require.NoError(t, config.Default().Validate())
	c, err := fromEnv(nil)
	require.NoError(t, err)
	require.Equal(t, config.Default(), c)
}

func TestFromEnv(t *testing.T) {
	t.Parallel()
	c, err := fromEnv(map[string]string{
		config.EnvQueueURL:       "amqp://u:p@h1:5672,h2:5672/v",
		config.EnvHistory:        "1h 1GiB",
		config.EnvOutcomeSpool:   "outcomes-2.db",
		config.EnvBlobURL:        "s3://bucket",
		"BOTGATE_BLOB_RETENTION": "1000h",
		config.EnvDatabaseURL:    "postgres://u:p@h/db",
		config.EnvBotsFile:       "bots.json",
		config.EnvRoles:          "api, record,api",
		config.EnvListen:         ":9",
		config.EnvAPISecretFile:  "api.secret",
		"BOTGATE_API_HOSTS":      "gateway.internal",
		config.EnvConsole:        "read-only",
		config.EnvConsoleSecret:  "console.secret",
		"BOTGATE_SLOW_BOT":       "2s",
		"BOTGATE_ANSWERS_URL":    "http://127.0.0.1:1",
		"BOTGATE_LOG_LEVEL":      "warn",
		"BOTGATE_LOG_FORMAT":     "json",
	})
	require.NoError(t, err)
	require.NoError(t, c.Validate())
	require.Equal(t, config.Config{
		QueueURL:       "amqp://u:p@h1:5672,h2:5672/v",
		History:        "1h 1GiB",
		OutcomeSpool:   "outcomes-2.db",
		BlobURL:        "s3://bucket",
		BlobRetention:  1000 * time.Hour,
		DatabaseURL:    "postgres://u:p@h/db",
		Data:           config.Default().Data,
		SlowBot:        2 * time.Second,
		AnswersURL:     "http://127.0.0.1:1",
		BotsFile:       "bots.json",
		Roles:          []config.Role{config.API, config.Record},
		Listen:         ":9",
		APISecretFile:  "api.secret",
		APIHosts:       "gateway.internal",
		Console:        config.ConsoleReadOnly,
		ReconcileAfter: 15 * time.Minute,
		LogLevel:       slog.LevelWarn,
		LogFormat:      "json",

		ConsoleSecretFile: "console.secret",
		OIDC:              config.Default().OIDC,
	}, c)
	require.False(t, c.Has(config.Dispatch))
}

// TestOIDC: an identity provider is configured as a whole or not at all.
func TestOIDC(t *testing.T) {
	t.Parallel()
	whole := map[string]string{
		"BOTGATE_CONSOLE_OIDC_ISSUER": "https://login.example.com/realms/x", "BOTGATE_CONSOLE_OIDC_CLIENT_ID": "botgate",
		"BOTGATE_CONSOLE_OIDC_REDIRECT": "https://gate.example.com/console/oidc/callback", "BOTGATE_CONSOLE_OIDC_OPERATORS": " Bot operators, on-call ,",
	}
	c, err := fromEnv(whole)
	require.NoError(t, err)
	require.NoError(t, c.Validate())
	require.Equal(t, []string{"Bot operators", "on-call"}, config.Groups(c.OIDC.Operators))
	require.Equal(t, "openid sub groups", c.OIDC.Scopes+" "+c.OIDC.UserClaim+" "+c.OIDC.GroupsClaim)
	for name, bad := range map[string][]string{
		"BOTGATE_CONSOLE_OIDC_ISSUER":    {"", "http://login.example.com", "login.example.com", "https://", "https://login.example.com/?x=1", "https://u:secret-password@h"},
		"BOTGATE_CONSOLE_OIDC_CLIENT_ID": {""},
		"BOTGATE_CONSOLE_OIDC_REDIRECT": {
			"", "https://gate.example.com", "http://gate.example.com/console/oidc/callback", "/console/oidc/callback",
			"https://gate.example.com/console/oidc/callback?x", "https://gate.example.com/other",
		},
		"BOTGATE_CONSOLE_OIDC_OPERATORS": {"", " , "},
	} {
		for _, value := range bad {
			half := maps.Clone(whole)
			half[name] = value
			c, err := fromEnv(half)
			require.NoError(t, err)
			named := strings.Replace(name, "OPERATORS", "VIEWERS", 1) // The error is at the first of the three.
			require.ErrorContains(t, c.Validate(), named+":", "%s=%s", name, value)
			require.NotContains(t, c.Validate().Error(), "secret-password")
		}
	}
	c, err = fromEnv(map[string]string{config.EnvOIDCSecret: "client.secret"})
	require.NoError(t, err)
	require.ErrorContains(t, c.Validate(), "BOTGATE_CONSOLE_OIDC_ISSUER: must be set")
}

func TestDataFromEnv(t *testing.T) {
	t.Parallel()
	c, err := fromEnv(map[string]string{
		config.EnvRedisURL:             "rediss://u:p@h:6380/1",
		config.EnvShardsFile:           "shards.json",
		"BOTGATE_DATABASE_REPLICA_URL": "postgres://u:p@r/db",
		config.EnvPool:                 "7",
		"BOTGATE_DATABASE_MAX_LAG":     "500ms",
		"BOTGATE_SLOW_STATEMENT":       "0",
		"BOTGATE_MIGRATE":              "off",
		"BOTGATE_RETENTION":            "90d",
		config.EnvCacheSize:            "1GiB",
		config.EnvCacheTTL:             "5s",
		config.EnvSessionTTL:           "1h",
		config.EnvSessionMaxTTL:        "2h",
		"BOTGATE_SESSION_SIZE":         "16KiB",
	})
	require.NoError(t, err)
	require.NoError(t, c.Validate())
	require.Equal(t, config.Data{
		RedisURL: "rediss://u:p@h:6380/1", ShardsFile: "shards.json", ReplicaURL: "postgres://u:p@r/db",
		Pool: 7, MaxLag: 500 * time.Millisecond, Migrate: false, Retention: 90 * 24 * time.Hour,
		CacheSize: 1 << 30, CacheTTL: 5 * time.Second, SessionTTL: time.Hour, SessionMaxTTL: 2 * time.Hour, SessionSize: 16 << 10,
	}, c.Data)
}

func TestBlobsDefaultToTheEmbeddedQueuesFolder(t *testing.T) {
	t.Parallel()
	c := config.Default()
	require.Equal(t, "file:data/blobs", c.Blobs())
	c.QueueURL = "amqp://h"
	require.Empty(t, c.Blobs(), "another machine could not read them")
	c.BlobURL = "s3://bucket"
	require.Equal(t, "s3://bucket", c.Blobs())
}

func TestBodiesGoWithTheLog(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ blobs, log, want time.Duration }{
		{720 * time.Hour, 0, 720 * time.Hour},
		{0, 0, 0},
		{0, 100 * time.Hour, 100 * time.Hour},
		{720 * time.Hour, 100 * time.Hour, 100 * time.Hour},
		{100 * time.Hour, 720 * time.Hour, 100 * time.Hour},
	} {
		c := config.Default()
		c.BlobRetention, c.Data.Retention = tc.blobs, tc.log
		require.Equal(t, tc.want, c.BodyRetention())
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	want := []config.Role{config.Dispatch, config.Record}
	for _, list := range []string{"dispatch,record", "dispatch record", " dispatch,\trecord, dispatch\n"} {
		c, err := fromEnv(map[string]string{config.EnvRoles: list})
		require.NoError(t, err)
		require.Equal(t, want, c.Roles, list)
	}
	c, err := fromEnv(map[string]string{config.EnvRoles: "none"})
	require.NoError(t, err)
	require.ErrorContains(t, c.Validate(), "belongs to the gateway, whose embedded backend")
}

func TestErrorsNameTheOption(t *testing.T) {
	t.Parallel()
	for option, bad := range map[string][]string{
		config.EnvQueueURL:             {"data/queue.db", "redis://h", "amqp:", "sqlite", "secret-password"},
		config.EnvBlobURL:              {"data/blobs", "file:", "s3://u:secret-password@bucket", "http://secret-password"},
		"BOTGATE_BLOB_RETENTION":       {"30", "1h", "-1h", "soon"},
		config.EnvDatabaseURL:          {"mysql://u:secret-password@h/db", "sqlite:"},
		config.EnvRedisURL:             {"h:6379", "redis://u:secret-password@h:port", "http://h"},
		"BOTGATE_DATABASE_REPLICA_URL": {"sqlite:x.db", "secret-password"},
		config.EnvPool:                 {"many", "-1", "10001"},
		"BOTGATE_DATABASE_MAX_LAG":     {"2", "0s", "-1s"},
		"BOTGATE_MIGRATE":              {"yes", "true"},
		"BOTGATE_RETENTION":            {"1h", "-90d", "month"},
		config.EnvCacheSize:            {"big", "-1", "64 parsecs"},
		config.EnvCacheTTL:             {"0s", "soon"},
		config.EnvSessionTTL:           {"0s", "800h", "x"},
		config.EnvSessionMaxTTL:        {"0s", "1h", "x"},
		"BOTGATE_SESSION_SIZE":         {"0", "1GB", "x"},
		config.EnvRoles:                {"recorder", "record;api", " ", ",", "none", "record none"},
		config.EnvListen:               {"8081", "localhost", "::1:80"},
		"BOTGATE_SLOW_STATEMENT":       {"-1s", "long"},
		"BOTGATE_SLOW_BOT":             {"-1s", "5"},
		"BOTGATE_ANSWERS_URL":          {"http://fake.example", "fake", "://"},
		"BOTGATE_LOG_LEVEL":            {"loud"},
		config.EnvConsole:              {"yes", "readonly", "ON"},
		"BOTGATE_LOG_FORMAT":           {"xml"},
	} {
		for _, value := range bad {
			t.Run(option+"="+value, func(t *testing.T) {
				t.Parallel()
				c, err := fromEnv(map[string]string{option: value})
				if err == nil {
					err = c.Validate()
				}
				require.ErrorContains(t, err, option)
				require.NotContains(t, err.Error(), "secret-password")
				require.NotContains(t, err.Error(), "\n")
			})
		}
	}
}

func TestValidateWithoutEnv(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.Listen = ""
	require.NoError(t, c.Validate(), "who embeds the backend may serve it elsewhere")
	c.BotsFile = ""
	require.ErrorContains(t, c.Validate(), config.EnvBotsFile)
	c.Console = config.ConsoleOn
	require.ErrorContains(t, c.Validate(), config.EnvConsoleSecret+": must be set")
	c.Console = config.ConsoleOff
	c.Roles = []config.Role{config.API}
	require.NoError(t, c.Validate())
	c.Roles = nil
	require.ErrorContains(t, c.Validate(), config.EnvRoles)
	c.Roles = []config.Role{"other"}
	require.ErrorContains(t, c.Validate(), config.EnvRoles)
}

func TestLogValueHidesSecrets(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.QueueURL, c.DatabaseURL = "amqp://u:hunter2@h/v", "postgres://u:hunter2@h/db"
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("starting", "config", c)
	require.NotContains(t, out.String(), "hunter2")
	require.Contains(t, out.String(), "config.queue_url=amqp://h/v")
	require.Contains(t, out.String(), "config.roles=record,dispatch,api")
}

// TestNoVariableIsTakenForUnset has values that say nothing, for each of the variables.
func TestNoVariableIsTakenForUnset(t *testing.T) {
	t.Parallel()
	for _, o := range config.Options {
		for _, value := range []string{" ", "\t\n", "{env.X}", "{$X}", "${X}", "$X", "%X%"} {
			_, err := fromEnv(map[string]string{o.Env: value})
			require.ErrorContains(t, err, o.Env+": ", value)
		}
		_, err := fromEnv(map[string]string{o.Env: ""})
		require.NoError(t, err)
	}
	c, err := fromEnv(map[string]string{config.EnvQueueURL: "amqp://u:pa$word@h"})
	require.NoError(t, err)
	require.Equal(t, "amqp://u:pa$word@h", c.QueueURL)
}

func TestAdvertised(t *testing.T) {
	t.Parallel()
	c := config.Config{Data: config.Data{RedisURL: "redis://127.0.0.1:6379"}}
	for listens, want := range map[string]string{
		"10.0.0.8:8081": "10.0.0.8:8081", "127.0.0.1:8081": "127.0.0.1:8081", "0.0.0.0:8081": "127.0.0.1:8081", "[::]:8081": "127.0.0.1:8081",
	} {
		require.Equal(t, want, c.Advertised(t.Context(), listens), listens)
	}
	c.Advertise = "dispatch-1:8081"
	require.Equal(t, "dispatch-1:8081", c.Advertised(t.Context(), "0.0.0.0:8081"))
	c.Advertise, c.Data.RedisURL = "", "redis+sentinel://127.0.0.1,127.0.0.2/master"
	require.Equal(t, "127.0.0.1:8081", c.Advertised(t.Context(), ":8081"))
}
