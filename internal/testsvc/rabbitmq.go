package testsvc

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/retry"
)

// Which of an instance's ports is which.
const (
	rabbitAMQP = iota
	rabbitDist
	rabbitEpmd
	rabbitPorts
)

// The wrapper scripts in /usr/sbin insist on the system's own node; these do not.
const rabbitBin = "/usr/lib/rabbitmq/bin"

var rabbitKind = kind{
	name:    "RabbitMQ",
	env:     "BOTGATE_TEST_AMQP_URL",
	install: "rabbitmq-server",
	account: "rabbitmq",
	ports:   rabbitPorts,
	stop:    syscall.SIGTERM,
	crash:   syscall.SIGKILL,
	find:    func(root string) (string, error) { return locate(root, "rabbitmq-server", rabbitBin) },
	url: func(i *instance) string {
		return fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", i.ports[rabbitAMQP])
	},
	setup: func(i *instance) error { return setupRabbit(i) },
	helper: func(i *instance) (*exec.Cmd, error) {
		// An Erlang node starts its port mapper as a daemon that outlives it, unless
		// one is there already.
		epmd, err := locate(i.root, "epmd", "")
		return command(epmd, "-port", strconv.Itoa(i.ports[rabbitEpmd]), "-address", "127.0.0.1"), err
	},
	server: func(i *instance) *exec.Cmd {
		cmd := command(i.binary)
		cmd.Env = rabbitEnv(i)
		return cmd
	},
	ready: func(ctx context.Context, i *instance) error {
		conn, err := amqp.DialConfig(i.url, amqp.Config{
			Dial: func(network, addr string) (net.Conn, error) {
				dialer := net.Dialer{Timeout: 5 * time.Second}
				conn, err := dialer.DialContext(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				// Bounds the handshake; the client takes it off afterwards.
				return conn, conn.SetDeadline(time.Now().Add(30 * time.Second))
			},
		})
		if err != nil {
			return err
		}
		return conn.Close()
	},
}

// setupRabbit writes the node's files, with more lines of rabbitmq.conf.
func setupRabbit(i *instance, settings ...string) error {
	conf := fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\n", i.ports[rabbitAMQP]) +
		"loopback_users = none\nlog.console = true\nlog.file = false\n" +
		"disk_free_limit.absolute = 50MB\nvm_memory_high_watermark.relative = 0.3\n" +
		// In a root there is no /proc to ask for memory.
		"total_memory_available_override_value = 8GB\nvm_memory_calculation_strategy = allocated\n" +
		strings.Join(settings, "\n") + "\n"
	for name, content := range map[string]string{
		"rabbitmq.conf": conf, "enabled_plugins": "[].", "env.conf": "",
	} {
		path := filepath.Join(i.dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// rabbitEnv keeps the node apart from any other on the machine: its own port mapper,
// cookie (in HOME), name, ports and files.
func rabbitEnv(i *instance) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "RABBITMQ_") && !strings.HasPrefix(v, "ERL_") {
			env = append(env, v)
		}
	}
	in := func(name string) string { return filepath.Join(i.dir, name) }
	port := func(which int) string { return strconv.Itoa(i.ports[which]) }
	return append(env,
		// Makes the start script replace itself with the node, which then gets our signals.
		"RUNNING_UNDER_SYSTEMD=true",
		"HOME="+i.dir,
		"ERL_EPMD_PORT="+port(rabbitEpmd), "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME="+nodeName(i),
		"RABBITMQ_NODE_PORT="+port(rabbitAMQP), "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
		"RABBITMQ_DIST_PORT="+port(rabbitDist),
		"RABBITMQ_MNESIA_BASE="+in("mnesia"), "RABBITMQ_LOG_BASE="+in("log"), "RABBITMQ_LOGS=-",
		"RABBITMQ_CONFIG_FILE="+in("rabbitmq.conf"), "RABBITMQ_ADVANCED_CONFIG_FILE="+in("none"),
		"RABBITMQ_CONF_ENV_FILE="+in("env.conf"), "RABBITMQ_ENABLED_PLUGINS_FILE="+in("enabled_plugins"),
		"RABBITMQ_PID_FILE="+in("pid"), "RABBITMQ_GENERATED_CONFIG_DIR="+in("gen"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none "+
			"-kernel inet_dist_use_interface {127,0,0,1}",
	)
}

// AwaitQueues waits until quorum queues of the node outlast a Kill. A crash before that, within about
// a second of their declaration, leaves queues that confirm nothing: only then does Ra write which
// log is whose to disk.
func (s *Server) AwaitQueues(queues ...string) {
	s.t.Helper()
	path := filepath.Join(s.instance.dir, "mnesia", nodeName(s.instance), "quorum", nodeName(s.instance), "names.dets")
	ctx, cancel := context.WithTimeout(s.t.Context(), readyTimeout)
	defer cancel()
	for _, queue := range queues {
		name := "%2F_" + queue
		term := append([]byte{byte(len(name))}, name...) // As Erlang writes an atom: its length before it.
		for {
			written, err := os.ReadFile(path)
			if err == nil && bytes.Contains(written, term) {
				break
			}
			if retry.Sleep(ctx, 20*time.Millisecond); ctx.Err() != nil {
				s.t.Fatalf("%s does not name queue %s (%v)", path, queue, err)
			}
		}
	}
}

// rabbitmqTool runs one of the node's command line tools.
func rabbitmqTool(i *instance, tool string, args ...string) (string, error) {
	path, err := locate(i.root, tool, rabbitBin)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.Dir, cmd.SysProcAttr = rabbitEnv(i), i.dir, i.attributes()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", tool, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}
