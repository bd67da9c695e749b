package bench

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/testsvc"
)

// instantBotEnv has a process of the tests be the instant bot.
const instantBotEnv = "BOTGATE_BENCH_INSTANT_BOT"

// serveInstantBot answers each request at once, where this process was started for it. It reports whether
// it was.
func serveInstantBot() bool {
	if os.Getenv(instantBotEnv) == "" {
		return false
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return true // Whoever reads the address finds none.
	}
	fmt.Println(listener.Addr())
	answer := func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(answer)}
	_ = server.Serve(listener)
	return true
}

// startInstantBot starts a bot in a process of its own, whose processor time is not measured.
func startInstantBot(b *testing.B) bots.Bot {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), instantBotEnv+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	ended, err := testsvc.Start(cmd)
	require.NoError(b, err)
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err)
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	return bots.Bot{
		Name: "demo", URL: "http://" + strings.TrimSpace(address), AllowPrivate: true,
		Secrets: []string{"whsec_" + base64.StdEncoding.EncodeToString(secret)},
	}.WithDefaults()
}
