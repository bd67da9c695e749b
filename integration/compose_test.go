package integration

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/botgate/botgate/internal/testsvc"
)

// composed is what the compose file runs in containers, to be run on this machine: hosts, paths and programs are
// others, and each process has ports of its own.
type composed struct {
	t        *testing.T
	dir      string
	services map[string]composedService
	// ports are the addresses of "service:port".
	ports map[string]string
	here  *strings.Replacer
}

// composedService is a service of the file.
type composedService struct {
	Image       string
	Command     []string
	Environment map[string]string
	Healthcheck struct{ Test []string }
}

// TestComposeServices runs the processes of the compose file as it has them, each until its own check finds it healthy,
// and sends an event through all of them.
func TestComposeServices(t *testing.T) {
	t.Parallel()
	c := newComposed(t)
	stdout, stderr, code := c.run("migrate", c.command("migrate"))
	require.Zero(t, code, stdout+stderr)
	for _, name := range []string{"record", "dispatch", "api", "jobs", "gateway-1", "gateway-2", "balancer"} {
		args := c.command(name)
		p := start(t, c.dir, c.environment(name), args[0], args[1:]...)
		check := c.check(name)
		eventually(t, func() error {
			if !p.running() {
				t.Fatalf("%s ended at its start:\n%s", name, tail(p.output.String(), 4000))
			}
			if _, stderr, code := c.run(name, check); code != 0 {
				return fmt.Errorf("%s is not healthy: %s", name, stderr)
			}
			return nil
		})
	}
	stdout, stderr, code = c.run("smoke", append(c.command("smoke"), "--accept-within", "1m", "--timeout", "1m"))
	require.Zero(t, code, stdout+stderr)
}

// newComposed reads the file, makes its secrets by init.sh, and starts what is not ours.
func newComposed(t *testing.T) *composed {
	t.Helper()
	c := &composed{t: t, dir: t.TempDir(), ports: map[string]string{}}
	for _, name := range []string{"compose.yaml", "init.sh", "balancer.Caddyfile"} {
		raw, err := os.ReadFile(filepath.Join("../deploy/compose", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(c.dir, name), raw, 0o600))
	}
	_, stderr, code := run(t, c.dir, []string{"BOTGATE=" + gatewayBinary}, "", "sh", "init.sh")
	require.Zero(t, code, stderr)
	raw, err := os.ReadFile(filepath.Join(c.dir, "compose.yaml"))
	require.NoError(t, err)
	var file struct {
		Services map[string]composedService
		Secrets  map[string]struct{ File string }
	}
	require.NoError(t, yaml.Unmarshal(raw, &file))
	c.services = file.Services
	for name, secret := range file.Secrets {
		_, err := os.Stat(filepath.Join(c.dir, secret.File))
		require.NoError(t, err, name)
	}
	c.here = strings.NewReplacer(c.places()...)
	for _, name := range []string{"balancer.Caddyfile", "secrets/botgate/bots.json"} {
		path := filepath.Join(c.dir, name)
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, []byte(c.here.Replace(string(raw))), 0o600))
	}
	return c
}

// places are what stands for something else here, each before what it is.
func (c *composed) places() []string {
	names := []string{
		"gateway-1:8080", "gateway-2:8080", "api:8081", "balancer:8080", "balancer:8081", "smoke:9090",
		"gateway-1:9180", "gateway-2:9180", "gateway-1:2019", "gateway-2:2019", "record:8081", "dispatch:8081", "jobs:8081",
	}
	for i, address := range testsvc.FreeAddresses(c.t, len(names)) {
		c.ports[names[i]] = address
	}
	rabbit, err := url.Parse(testsvc.RabbitMQHost(c.t))
	require.NoError(c.t, err)
	password, _ := rabbit.User.Password()
	require.NoError(c.t, os.WriteFile(filepath.Join(c.dir, "secrets", "rabbitmq_password"), []byte(password), 0o600))
	postgres, found := strings.CutPrefix(testsvc.Postgres(c.t), "postgres://")
	require.True(c.t, found)
	redis := strings.TrimPrefix(testsvc.StartRedis(c.t).URL, "redis://")
	places := []string{
		"botgate@rabbitmq:5672/", rabbit.User.Username() + "@" + rabbit.Host + rabbit.Path,
		"botgate@postgres/botgate?", postgres + "&", "redis:6379", strings.TrimSuffix(redis, "/"),
		"/etc/botgate/secrets", filepath.Join(c.dir, "secrets", "botgate"), "/run/secrets", filepath.Join(c.dir, "secrets"),
		"/etc/botgate/balancer.Caddyfile", filepath.Join(c.dir, "balancer.Caddyfile"),
		"/usr/bin/botgate-backend", backendBinary, "/usr/bin/botgate", gatewayBinary,
		"0.0.0.0:9090", c.ports["smoke:9090"], "127.0.0.1:8081", c.ports["balancer:8081"],
		"\n:8080 {", "\nhttp://" + c.ports["balancer:8080"] + " {",
	}
	for _, name := range slices.Sorted(maps.Keys(c.ports)) {
		places = append(places, name, c.ports[name])
	}
	return places
}

// environment is that of a service, with the ports that its process has here.
func (c *composed) environment(name string) []string {
	env := []string{}
	for variable, value := range c.services[name].Environment {
		value = strings.ReplaceAll(c.here.Replace(value), "/data/", filepath.Join(c.dir, "data-"+name)+"/")
		env = append(env, variable+"="+value)
	}
	set := func(variable, of string, portOnly bool) {
		if address, found := c.ports[of]; found {
			_, port, err := net.SplitHostPort(address)
			require.NoError(c.t, err)
			if portOnly {
				address = port
			}
			env = append(env, variable+"="+address)
		}
	}
	set("BOTGATE_HTTP_PORT", name+":8080", true)
	set("BOTGATE_METRICS_PORT", name+":9180", true)
	set("BOTGATE_ADMIN", name+":2019", false)
	set("BOTGATE_LISTEN", name+":8081", false)
	return append(env, "BOTGATE_SHUTDOWN_DELAY=0s")
}

// command is what a service runs, or what its image does by itself.
func (c *composed) command(name string) []string {
	s := c.services[name]
	require.NotEmpty(c.t, s.Image, name)
	require.NoError(c.t, os.MkdirAll(filepath.Join(c.dir, "data-"+name), 0o700))
	program, args := gatewayBinary, s.Command
	if strings.Contains(s.Image, "backend") {
		program = backendBinary
	} else if len(args) == 0 {
		caddyfile, err := filepath.Abs("../Caddyfile")
		require.NoError(c.t, err)
		args = []string{"run", "--config", caddyfile}
	}
	command := []string{program}
	for _, arg := range args {
		command = append(command, c.here.Replace(arg))
	}
	return command
}

// check is the health check of a service, or of its image.
func (c *composed) check(name string) []string {
	test := c.services[name].Healthcheck.Test
	if len(test) == 0 {
		return []string{c.command(name)[0], "health"}
	}
	require.Equal(c.t, "CMD", test[0])
	check := []string{}
	for _, arg := range test[1:] {
		check = append(check, c.here.Replace(arg))
	}
	return check
}

// run runs a command to its end as the service would.
func (c *composed) run(name string, command []string) (stdout, stderr string, code int) {
	c.t.Helper()
	return run(c.t, c.dir, c.environment(name), "", command[0], command[1:]...)
}
