package embedded

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/testlog"
)

func TestAPIAddressCanBeDialed(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"127.0.0.1:9999": "127.0.0.1:9999",
		"localhost:9999": "127.0.0.1:9999",
		":9999":          "127.0.0.1:9999",
		"0.0.0.0:9999":   "127.0.0.1:9999",
		"[::]:9999":      "[::1]:9999",
		"10.0.0.8:9999":  "10.0.0.8:9999",
	} {
		for _, roles := range []Value{"api", noRoles} {
			b := &Backend{Options: map[string]Value{"roles": roles}, settings: config.Config{Listen: listen}}
			b.logger = new(testlog.Buffer).Logger()
			require.Equal(t, want, b.APIAddress(nil), listen)
		}
	}
}

func TestUpstreamsThatCannotBeMeantAreWarnedOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		roles     []config.Role
		upstreams []string
		want      string
	}{
		"its own":                     {roles: []config.Role{config.API}},
		"named":                       {[]config.Role{config.API}, []string{"localhost:8081"}, ""},
		"one of several":              {[]config.Role{config.API}, []string{"127.0.0.1:8082", "127.0.0.1:8081"}, ""},
		"another machine":             {[]config.Role{config.API}, []string{"10.0.0.8:8081"}, ""},
		"another port":                {[]config.Role{config.API}, []string{"127.0.0.1:8082"}, "BOTGATE_API_LISTEN"},
		"a socket":                    {[]config.Role{config.API}, []string{"unix//run/api.sock"}, "BOTGATE_API_LISTEN"},
		"nobody answers":              {[]config.Role{config.Record}, nil, "BOTGATE_ROLES"},
		"nobody answers, named":       {[]config.Role{config.Record}, []string{"0.0.0.0:8081"}, "BOTGATE_ROLES"},
		"another process has the API": {[]config.Role{config.Record}, []string{"127.0.0.1:8082"}, ""},
	} {
		log := new(testlog.Buffer)
		b := &Backend{settings: config.Config{Listen: "127.0.0.1:8081", Roles: c.roles}, logger: log.Logger()}
		for range 2 {
			b.APIAddress(c.upstreams)
		}
		if c.want == "" {
			require.Empty(t, log.String(), name)
			continue
		}
		require.Contains(t, log.String(), c.want, name)
		require.Regexp(t, `^[^\n]*level=WARN[^\n]*\n$`, log.String(), "%s: once", name)
	}
}
