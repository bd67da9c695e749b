package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// guide is a guide of docs/guides that is followed in an empty folder, by its text alone.
type guide struct {
	*stack
	// here has other addresses in place of those of the text: ports of this machine, and a fake for the platform.
	here *strings.Replacer
	// bot is where the guide's bot listens.
	bot string
	// last is the process that the last command made, output what the last command printed.
	last   *process
	output string
}

// block is what stands between two fences: its language, the word behind it, and its lines.
type block struct{ language, word, content string }

// fences are the blocks of a page. In guides, what the word says is done:
//
//	sh             run to its end
//	sh serve       run beside what follows; one line
//	text           lines that the command before printed, or what serves does; … is anything
//	text eventually  lines that the last process that serves prints at some time
//	caddyfile      put into the Caddyfile, where the text says
//	<any> <name>   write a file of that name
var fences = regexp.MustCompile("(?ms)^```([a-z]+)(?: (\\S+))?\n(.*?)^```$")

// TestGuides follows each guide with the SDK from npm that it names, and a fake in place of the platform.
func TestGuides(t *testing.T) {
	t.Parallel()
	for name, f := range guidedPlatforms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuide(t, f)
			page, err := os.ReadFile("../docs/guides/start_" + name + ".md")
			require.NoError(t, err)
			for _, name := range f.modules {
				require.Contains(t, string(page), "`npm install "+name+"`", "what the guide tells is what is tested")
			}
			for _, found := range fences.FindAllStringSubmatch(g.here.Replace(string(page)), -1) {
				g.follow(block{found[1], found[2], found[3]})
			}
			f.requireAsked(t)
		})
	}
}

// newGuide makes the folder that a guide begins with.
func newGuide(t *testing.T, f *fakePlatform) *guide {
	t.Helper()
	modules, err := filepath.Abs("node_modules")
	require.NoError(t, err)
	for _, name := range f.modules {
		if _, missing := os.Stat(filepath.Join(modules, name)); missing != nil && os.Getenv("CI") != "true" {
			t.Skipf("the package %s is not there: make test-npm installs it", name)
		}
		require.DirExists(t, filepath.Join(modules, name))
	}
	dir := t.TempDir()
	require.NoError(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "path"), 0o700))
	require.NoError(t, os.Symlink(gatewayBinary, filepath.Join(dir, "path", "botgate")))
	caddyfile, err := os.ReadFile("../Caddyfile")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Caddyfile"), caddyfile, 0o600))
	ports := testsvc.FreeAddresses(t, 4)
	_, httpPort, err := net.SplitHostPort(ports[0])
	require.NoError(t, err)
	_, botPort, err := net.SplitHostPort(ports[3])
	require.NoError(t, err)
	places := append(f.serve(t), "localhost:8080", ports[0], "127.0.0.1:9090", ports[3], "127.0.0.1:3000", ports[3],
		"botgate example-bot", "botgate example-bot --listen "+ports[3], "(3000", "("+botPort)
	return &guide{
		stack: &stack{t: t, dir: dir, base: "http://" + ports[0], env: []string{
			"PATH=" + filepath.Join(dir, "path") + ":" + os.Getenv("PATH"), "BOTGATE_HTTP_PORT=" + httpPort,
			"BOTGATE_ADMIN=" + ports[1], "BOTGATE_API_LISTEN=" + ports[2], "BOTGATE_API_UPSTREAM=" + ports[2],
		}},
		here: strings.NewReplacer(places...), bot: ports[3],
	}
}

// follow does what a block says.
func (g *guide) follow(b block) {
	g.t.Helper()
	switch {
	case b.language == "caddyfile":
		g.edit("Caddyfile", "\timport hook github {\n", b.content+"\timport hook github {\n")
	case b.language == "sh" && b.word == "serve":
		g.serve(b.content)
	case b.language == "sh":
		g.run(b.content)
	case b.language == "text" && b.word == "eventually":
		eventually(g.t, func() error { return missingIn(b.content, g.last.output.String()) })
	case b.language == "text" && b.word == "":
		require.NoError(g.t, missingIn(b.content, g.output))
	default:
		require.NoError(g.t, os.WriteFile(filepath.Join(g.dir, b.word), []byte(b.content), 0o600))
	}
}

// run runs commands to their end. The bots file that they may have made names an address of the text.
func (g *guide) run(commands string) {
	g.t.Helper()
	stdout, stderr, code := run(g.t, g.dir, g.env, "", "sh", "-ec", commands)
	require.Zero(g.t, code, "%s\n%s%s", commands, stdout, stderr)
	g.output = stdout + stderr
	if strings.Contains(commands, "botgate init") {
		g.edit("data/bots.json", "127.0.0.1:9090", g.bot)
	}
}

// serve starts a process, and waits until it can be used.
func (g *guide) serve(command string) {
	g.t.Helper()
	g.last = start(g.t, g.dir, g.env, "sh", "-c", "exec env "+command)
	if strings.HasPrefix(command, "botgate run") {
		g.waitReady(g.base, g.last)
		return
	}
	eventually(g.t, func() error {
		if !g.last.running() {
			g.t.Fatalf("%s ended:\n%s", command, g.last.output.String())
		}
		conn, err := net.Dial("tcp", g.bot)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
	g.output = g.last.output.String()
}

// edit changes a file, which has the old text once.
func (g *guide) edit(name, old, now string) {
	g.t.Helper()
	path := filepath.Join(g.dir, name)
	raw, err := os.ReadFile(path)
	require.NoError(g.t, err)
	require.Equal(g.t, 1, strings.Count(string(raw), old), name)
	require.NoError(g.t, os.WriteFile(path, []byte(strings.Replace(string(raw), old, now, 1)), 0o600))
}

// missingIn says which of the lines an output lacks.
func missingIn(lines, output string) error {
	for line := range strings.Lines(lines) {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(line)), "…", ".*")
		if !regexp.MustCompile(pattern).MatchString(output) {
			return fmt.Errorf("there is no %q in\n%s", line, output)
		}
	}
	return nil
}
