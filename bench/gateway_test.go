package bench

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

const (
	connections = 64
	users       = 1000
	// startTimeout bounds a process's start.
	startTimeout = time.Minute
)

// BenchmarkGateway sends b.N commands from 64 connections to the shipped Caddyfile: token,
// rate limit, schema, and a publish that the queue confirms. It reports what a request costs
// the gateway's process in processor time, and its memory at the end:
//
//	go run ./internal/testsvc/withsvc -- go test -run - -bench Gateway -benchtime 50000x ./bench
func BenchmarkGateway(b *testing.B) {
	binary := buildGateway(b)
	b.Run("RabbitMQ", func(b *testing.B) {
		load(b, startGateway(b, binary, "BOTGATE_ROLES=none",
			"BOTGATE_QUEUE_URL="+testsvc.StartRabbitMQ(b).URL, "BOTGATE_REDIS_URL="+testsvc.Redis(b)))
	})
	b.Run("Embedded", func(b *testing.B) { load(b, startGateway(b, binary, "BOTGATE_ROLES=none")) })
}

func buildGateway(b testing.TB) (binary string) { return build(b, "botgate") }

// build builds a program as "make build" does.
func build(b testing.TB, name string) (binary string) {
	b.Helper()
	binary = filepath.Join(b.TempDir(), name)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-tags", "nobadger,nomysql,nopgx",
		"-o", binary, "../cmd/"+name)
	out, err := cmd.CombinedOutput()
	require.NoError(b, err, string(out))
	return binary
}

// gateway is a running one.
type gateway struct {
	url    string
	tokens []string
	pid    int
}

func startGateway(b testing.TB, binary string, env ...string) *gateway {
	b.Helper()
	return startGatewayWith(b, binary, func(string) {}, env...)
}

// startGatewayWith is startGateway with files that are changed in the folder of its data first.
func startGatewayWith(b testing.TB, binary string, change func(data string), env ...string) *gateway {
	b.Helper()
	dir := b.TempDir()
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(binary, args...)
		cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "HOME="+dir), env...)
		return cmd
	}
	out, err := command("init").CombinedOutput()
	require.NoError(b, err, string(out))
	change(filepath.Join(dir, "data"))
	address, port := freePort(b)
	_, admin := freePort(b)
	env = append(env, "BOTGATE_HTTP_PORT="+port, "BOTGATE_ADMIN=127.0.0.1:"+admin)
	caddyfile, err := filepath.Abs("../Caddyfile")
	require.NoError(b, err)
	run := command("run", "--config", caddyfile)
	ended, err := testsvc.Start(run)
	require.NoError(b, err)
	b.Cleanup(func() {
		_ = run.Process.Signal(syscall.SIGKILL)
		<-ended
	})
	g := &gateway{
		url: "http://" + address, pid: run.Process.Pid,
		tokens: tokens(b, filepath.Join(dir, "data", "jwt.secret")),
	}
	awaitReady(b, g.url)
	return g
}

// awaitReady waits until a process says that it is.
func awaitReady(b testing.TB, url string) {
	b.Helper()
	require.Eventually(b, func() bool {
		response, err := http.Get(url + "/readyz")
		if err != nil {
			return false
		}
		return response.Body.Close() == nil && response.StatusCode == http.StatusOK
	}, startTimeout, 50*time.Millisecond)
}

func freePort(b testing.TB) (address, port string) {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	defer func() { require.NoError(b, listener.Close()) }()
	address = listener.Addr().String()
	_, port, err = net.SplitHostPort(address)
	require.NoError(b, err)
	return address, port
}

// tokens are those of many users, so that none meets the limit.
func tokens(b testing.TB, secretFile string) []string {
	b.Helper()
	secret, err := os.ReadFile(secretFile)
	require.NoError(b, err)
	all := make([]string, users)
	for n := range all {
		all[n], err = jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"iss": "botgate", "aud": "botgate", "sub": fmt.Sprint("user-", n), "scope": "commands:write events:read",
			"exp": time.Now().Add(time.Hour).Unix(),
		}).SignedString(bytes.TrimRight(secret, "\n"))
		require.NoError(b, err)
	}
	return all
}

// load sends the commands and reports what they cost.
func load(b *testing.B, g *gateway) {
	body := []byte(`{"command":"/order","args":["` + strings.Repeat("x", bodySize) + `"]}`)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}, Timeout: startTimeout}
	defer client.CloseIdleConnections()
	var next, refused atomic.Int64
	var senders sync.WaitGroup
	before := g.processorTime(b)
	b.ResetTimer()
	for range connections {
		senders.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if !g.send(client, g.tokens[n%users], body) {
					refused.Add(1)
				}
			}
		})
	}
	senders.Wait()
	b.StopTimer()
	require.Zero(b, refused.Load())
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric((g.processorTime(b)-before).Seconds()*1e6/float64(b.N), "cpu-µs/request")
	b.ReportMetric(g.memory(b), "MB")
}

func (g *gateway) send(client *http.Client, token string, body []byte) (accepted bool) {
	request, err := http.NewRequest(http.MethodPost, g.url+"/v1/bots/demo/commands", bytes.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusAccepted
}

// processorTime is what its process used so far.
func (g *gateway) processorTime(b testing.TB) time.Duration { return processorTime(b, g.pid) }

// processorTime is what a process used so far (Linux: proc_pid_stat(5), in hundredths of a second).
func processorTime(b testing.TB, pid int) time.Duration {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest)
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		require.NoError(b, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// memory is what the process has in memory, in MB.
func (g *gateway) memory(b testing.TB) float64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", g.pid))
	require.NoError(b, err)
	pages, err := strconv.ParseFloat(strings.Fields(string(raw))[1], 64)
	require.NoError(b, err)
	return pages * float64(os.Getpagesize()) / 1e6
}
