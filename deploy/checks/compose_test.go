package checks

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// composed reads the compose file with all profiles, as "docker compose config" does; unknown keys are errors.
func composed(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join("..", "compose", "compose.yaml")},
		cli.WithProfiles([]string{"*"}), cli.WithResolvedPaths(true))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

// TestComposeIsHardened: a new service has to be as confined as the others.
func TestComposeIsHardened(t *testing.T) {
	t.Parallel()
	for name, s := range composed(t).Services {
		require.True(t, s.ReadOnly, name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		require.Contains(t, s.SecurityOpt, "no-new-privileges:true", name)
		require.Empty(t, s.CapAdd, name)
		require.False(t, s.Privileged, name)
		if name == "init" {
			continue // It ends at once, and has no network.
		}
		require.NotZero(t, s.MemLimit, name)
		require.NotZero(t, s.CPUS, name)
		require.NotNil(t, s.StopGracePeriod, name)
		require.NotContains(t, s.Image, ":latest", name)
		for variable, value := range s.Environment {
			require.NotNil(t, value, "%s takes %s from whoever starts it", name, variable)
			require.NotRegexp(t, `://[^/@]*:[^/@]*@`, *value, "%s: %s has a password", name, variable)
		}
	}
}

// TestComposeOrder: the schema comes first, and what is waited for says when it is there.
func TestComposeOrder(t *testing.T) {
	t.Parallel()
	project := composed(t)
	for _, role := range []string{"record", "dispatch", "api", "jobs"} {
		s := project.Services[role]
		require.Equal(t, types.ServiceConditionCompletedSuccessfully, s.DependsOn["migrate"].Condition, role)
		require.Equal(t, "off", *s.Environment["BOTGATE_MIGRATE"], role)
		require.Equal(t, types.ShellCommand{"--roles", role}, s.Command, role)
	}
	for name, s := range project.Services {
		for other, need := range s.DependsOn {
			dockerfile := project.Services[other].Build != nil // Our images bring their own check.
			if need.Condition == types.ServiceConditionHealthy && !dockerfile {
				require.NotNil(t, project.Services[other].HealthCheck, "%s waits for %s", name, other)
			}
		}
	}
}

// TestComposeSmoke: it runs when it is asked for, once, and is where the bot of init.sh is.
func TestComposeSmoke(t *testing.T) {
	t.Parallel()
	s := composed(t).Services["smoke"]
	require.Equal(t, []string{"smoke"}, s.Profiles)
	require.Equal(t, "no", s.Restart)
	require.True(t, s.HealthCheck.Disable)
	require.Equal(t, types.ServiceConditionHealthy, s.DependsOn["balancer"].Condition)
	secrets, err := os.ReadFile(filepath.Join("..", "compose", "init.sh"))
	require.NoError(t, err)
	require.Contains(t, string(secrets), "bot add canary")
	require.Contains(t, string(secrets), "http://smoke:9090/events")
	require.Contains(t, s.Command, "canary")
	require.Contains(t, s.Command, "0.0.0.0:9090")
}

// TestComposeNetworks: one port leads in, and databases have no way out.
func TestComposeNetworks(t *testing.T) {
	t.Parallel()
	project := composed(t)
	require.NotContains(t, project.Services["prometheus"].Networks, "data", "Redis has no password")
	for name, s := range project.Services {
		for network := range s.Networks {
			if slices.Contains([]string{"rabbitmq", "redis", "postgres"}, name) {
				require.True(t, project.Networks[network].Internal, "%s is in %s", name, network)
			}
		}
		for _, port := range s.Ports {
			require.True(t, name == "balancer" || port.HostIP == "127.0.0.1", "%s is open on %s", name, port.Published)
		}
	}
	one, two := project.Services["gateway-1"], project.Services["gateway-2"]
	require.NotEqual(t, one.Volumes[1].Source, two.Volumes[1].Source, "a spool has one gateway")
	require.Equal(t, one.Environment, two.Environment)
}
