package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// programs are built once for all stacks.
type programs struct{ gateway, backend string }

func buildPrograms(t testing.TB) programs {
	return programs{build(t, "botgate"), build(t, "botgate-backend")}
}

// stack is Botgate with real services and a bot, each program in a process of its own but the bot, which is here.
type stack struct {
	t testing.TB
	// embedded is whether the gateway's process has all, and the rest is nil.
	embedded              bool
	gateway               *gateway
	dispatch, record, api *backendProcess
	broker, database      *testsvc.Server
	redis                 *testsvc.Server
	// data is the folder with the gateway's files.
	data string
	// metrics is where what was recorded is counted.
	metrics string

	// delivered is what the bot has answered, each after answerTime in nanoseconds.
	delivered, answerTime atomic.Int64
}

type backendProcess struct {
	url string
	pid int
}

func startServers(t testing.TB, p programs, history string) *stack {
	s := &stack{t: t, broker: testsvc.StartRabbitMQ(t), database: testsvc.StartDurablePostgres(t), redis: testsvc.StartRedis(t)}
	services := []string{
		"BOTGATE_QUEUE_URL=" + s.broker.URL, "BOTGATE_DATABASE_URL=" + s.database.URL, "BOTGATE_REDIS_URL=" + s.redis.URL,
		"BOTGATE_HISTORY=" + history,
	}
	api, _ := freePort(t)
	s.gateway = startGatewayWith(t, p.gateway, s.pointAtBot, append(services, "BOTGATE_ROLES=none", "BOTGATE_API_UPSTREAM=http://"+api)...)
	services = append(services, "BOTGATE_BOTS_FILE="+filepath.Join(s.data, "bots.json"))
	s.record = s.startBackend(p.backend, "record", services)
	s.dispatch = s.startBackend(p.backend, "dispatch", services)
	s.api = s.startBackend(p.backend, "api", append(services, "BOTGATE_LISTEN="+api))
	s.metrics = s.record.url + "/metrics"
	return s
}

func startEmbedded(t testing.TB, p programs) *stack {
	s := &stack{t: t, embedded: true}
	api, _ := freePort(t)
	s.gateway = startGatewayWith(t, p.gateway, s.pointAtBot, "BOTGATE_API_LISTEN="+api)
	s.metrics = "http://" + api + "/metrics"
	return s
}

// pointAtBot writes the address of the stack's own bot into the bots file.
func (s *stack) pointAtBot(data string) {
	s.data = data
	bot := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if pause := time.Duration(s.answerTime.Load()); pause > 0 {
			<-time.After(pause)
		}
		s.delivered.Add(1)
	}))
	s.t.Cleanup(bot.Close)
	replaceInBotsFile(s.t, data, bot.URL)
}

func replaceInBotsFile(t testing.TB, data, url string) {
	file := filepath.Join(data, "bots.json")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), exampleBot)
	require.NoError(t, os.WriteFile(file, bytes.ReplaceAll(text, []byte(exampleBot), []byte(url)), 0o600))
}

func (s *stack) startBackend(binary, role string, env []string) *backendProcess {
	listen, _ := freePort(s.t)
	cmd := exec.Command(binary, "--roles", role)
	cmd.Dir = s.t.TempDir()
	cmd.Env = append(append(os.Environ(), "BOTGATE_LISTEN="+listen), env...)
	for _, v := range env {
		if address, found := strings.CutPrefix(v, "BOTGATE_LISTEN="); found {
			listen = address
		}
	}
	ended, err := testsvc.Start(cmd)
	require.NoError(s.t, err)
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		<-ended
	})
	p := &backendProcess{url: "http://" + listen, pid: cmd.Process.Pid}
	awaitReady(s.t, p.url)
	return p
}

// metric is the sum of a metric's series at an address, of those that have all the labels.
func metric(address, name string, labels ...string) (sum float64, err error) {
	response, err := http.Get(address)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		series, value, found := strings.Cut(lines.Text(), " ")
		if !found || series != name && !strings.HasPrefix(series, name+"{") || !hasAll(series, labels) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, lines.Err()
}

func hasAll(series string, labels []string) bool {
	for _, label := range labels {
		if !strings.Contains(series, label) {
			return false
		}
	}
	return true
}

// recorded is how many entries are in the log: two for each event that is delivered.
func (s *stack) recorded() (float64, error) {
	return metric(s.metrics, "botgate_record_events_total", `outcome="recorded"`)
}

// used is the processor time so far, in seconds, by part.
func (s *stack) used() map[string]float64 {
	parts := map[string]time.Duration{
		"gateway": s.gateway.processorTime(s.t), "generator": testsvc.OwnProcessorTime(s.t),
	}
	if !s.embedded {
		parts["dispatch"], parts["record"] = processorTime(s.t, s.dispatch.pid), processorTime(s.t, s.record.pid)
		parts["api"] = processorTime(s.t, s.api.pid)
		parts["rabbitmq"], parts["database"], parts["redis"] = s.broker.ProcessorTime(), s.database.ProcessorTime(), s.redis.ProcessorTime()
	}
	seconds := map[string]float64{}
	for part, used := range parts {
		seconds[part] = used.Seconds()
	}
	return seconds
}

// host is the busy time of all processors so far and the time of all of them, in seconds (proc_stat(5)).
func host(t testing.TB) (busy, all float64) {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	require.NoError(t, err)
	var v [8]float64
	_, err = fmt.Sscanf(string(text), "cpu %f %f %f %f %f %f %f %f", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7])
	require.NoError(t, err)
	for n, ticks := range v {
		all += ticks / 100
		if idle, iowait := 3, 4; n != idle && n != iowait {
			busy += ticks / 100
		}
	}
	return busy, all
}
