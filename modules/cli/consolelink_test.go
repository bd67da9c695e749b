package cli

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/secret"
)

func TestConsoleLink(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	_, err := initialize(data, defaultBotListen)
	require.NoError(t, err)
	for role, scope := range map[string]string{
		"viewer": "console:login events:read", "operator": "console:login events:read events:admin",
		"admin": "console:login events:read events:admin console:admin",
	} {
		link, err := consoleLink("https://gate.test/", data, "alice", role, "demo")
		require.NoError(t, err)
		token, ok := strings.CutPrefix(link, "https://gate.test/console/login#t=")
		require.True(t, ok, link)
		key, err := secret.FromFile(filepath.Join(data, jwtSecretFile))
		require.NoError(t, err)
		var claims jwt.MapClaims
		_, err = jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return key, nil },
			jwt.WithAudience("botgate-console"), jwt.WithExpirationRequired())
		require.NoError(t, err)
		require.Equal(t, scope, claims["scope"])
		require.Equal(t, "alice", claims["sub"])
		require.Equal(t, "demo", claims["bot"])
		require.NotEmpty(t, claims["jti"])
		expires, err := claims.GetExpirationTime()
		require.NoError(t, err)
		require.LessOrEqual(t, time.Until(expires.Time), 10*time.Minute)
	}
	_, err = consoleLink("https://gate.test", data, "alice", "root", "")
	require.ErrorContains(t, err, "--role")
}
