package bench

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/capacity"
)

// measuredEnv has the commit that is measured. Where it is set, benchmarks write the constants of the model anew.
const measuredEnv = "BOTGATE_BENCH_MEASURED"

// BenchmarkCapacity measures the constants of backend/capacity: what an event costs each program, as fast as events go
// through all of them, with small and with large bodies in turns. `make bench` writes them into constants.json:
//
//	BOTGATE_BENCH_MEASURED=$(git rev-parse --short=12 HEAD) go test -tags nobadger,nomysql,nopgx -run - -bench 'Capacity$' -benchtime 1x ./bench
func BenchmarkCapacity(b *testing.B) {
	p := buildPrograms(b)
	for range b.N {
		var rabbitMQ capacity.Cost
		b.Run("Servers", func(b *testing.B) { rabbitMQ = measureServers(b, p) })
		b.Run("History", func(b *testing.B) { measureHistory(b, p, rabbitMQ) })
		b.Run("Embedded", func(b *testing.B) { measureEmbedded(b, p) })
	}
}

func measureServers(b *testing.B, p programs) (rabbitMQ capacity.Cost) {
	s := startServers(b, p, "auto")
	c := s.calibrate()
	servers := c.servers()
	reads := s.read(c.known)
	servers.Read = capacity.Cost{Event: round(reads["api"])}
	servers.ReadGateway = capacity.Cost{Event: round(reads["gateway"])}
	servers.ReadPostgreSQL = capacity.Cost{Event: round(reads["database"])}
	memory := s.gateway.memory(b) * 1e6
	rewriteConstants(b, func(c *capacity.Constants) {
		servers.History = c.Servers.History
		c.Servers, c.Memory.Process = servers, round(memory)
	})
	return servers.RabbitMQ
}

// measureHistory is what RabbitMQ takes more for an event with a history.
func measureHistory(b *testing.B, p programs, without capacity.Cost) {
	const messages, bodies = 3, 2
	with := startServers(b, p, "1d 1GiB").calibrate().cost("rabbitmq", 1, 1)
	rewriteConstants(b, func(c *capacity.Constants) {
		c.Servers.History = capacity.Cost{
			Event: round(max(0, with.Event-messages*without.Event)), Kilobyte: round(max(0, with.Kilobyte-bodies*without.Kilobyte)),
		}
	})
}

func measureEmbedded(b *testing.B, p programs) {
	s := startEmbedded(b, p)
	c := s.calibrate()
	b.Logf("an event: %+v", c.cost("gateway", 1, 1))
	read := s.read(c.known)["gateway"]
	memory := s.gateway.memory(b) * 1e6
	rewriteConstants(b, func(to *capacity.Constants) {
		to.Embedded = capacity.Embedded{
			Process: c.cost("gateway", 1, 1), Read: capacity.Cost{Event: round(read)},
			Rows: c.bytes(func(s sample) float64 { return s.disk }),
		}
		to.Memory.Embedded = round(memory)
	})
}

// rewriteConstants changes the constants that come with Botgate, where it was asked for.
func rewriteConstants(t testing.TB, change func(*capacity.Constants)) {
	t.Helper()
	file := filepath.Join("..", "backend", "capacity", "constants.json")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	c, err := capacity.Parse(text)
	require.NoError(t, err)
	change(&c)
	commit := os.Getenv(measuredEnv)
	if commit == "" {
		t.Logf("not written: %+v", c)
		return
	}
	c.Measured = capacity.Measured{Date: time.Now().UTC().Format(time.DateOnly), Commit: commit, Machine: processor(t), Cores: runtime.NumCPU()}
	text, err = json.MarshalIndent(c, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(text, '\n'), 0o600))
}

// processor is the name of the machine's processors.
func processor(t testing.TB) string {
	t.Helper()
	file, err := os.Open("/proc/cpuinfo")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if key, value, found := strings.Cut(lines.Text(), ":"); found && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
