package testsvc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

var redisKind = kind{
	name:    "Redis",
	env:     "BOTGATE_TEST_REDIS_URL",
	install: "redis-server",
	ports:   1,
	stop:    syscall.SIGTERM,
	crash:   syscall.SIGKILL,
	find:    findRedis,
	url:     func(i *instance) string { return fmt.Sprintf("redis://127.0.0.1:%d/0", i.ports[0]) },
	setup:   func(*instance) error { return nil },
	server: func(i *instance) *exec.Cmd {
		// The append-only file without fsync outlives the process, not the machine.
		return command(i.binary, "--port", strconv.Itoa(i.ports[0]), "--bind", "127.0.0.1",
			"--save", "", "--appendonly", "yes", "--appendfsync", "no", "--dir", i.dir)
	},
	ready: pingRedis,
}

// redisProgramEnv names another program that can take the place of redis-server.
const redisProgramEnv = "BOTGATE_TEST_REDIS_PROGRAM"

func findRedis(root string) (string, error) {
	return locate(root, cmp.Or(os.Getenv(redisProgramEnv), "redis-server"), "")
}

// redisWith is a Redis with further arguments, which replace those of before. It has
// ports ports, of which the first is for clients.
func redisWith(ports int, further func(i *instance) []string) *kind {
	k := redisKind
	k.ports = ports
	k.server = func(i *instance) *exec.Cmd {
		cmd := redisKind.server(i)
		cmd.Args = append(cmd.Args, further(i)...)
		return cmd
	}
	return &k
}

// redisNode is an empty node of a cluster: without slots, and knowing no other node.
func redisNode() *kind {
	return redisWith(2, func(i *instance) []string {
		return []string{"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(i.ports[1])}
	})
}

// redisSentinel watches a master, which it calls "main", and replaces it within seconds.
func redisSentinel(masterPort string) *kind {
	k := redisKind
	config := func(i *instance) string { return filepath.Join(i.dir, "sentinel.conf") }
	k.setup = func(i *instance) error {
		return os.WriteFile(config(i), []byte("sentinel monitor main 127.0.0.1 "+masterPort+" 1\n"+
			"sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"), 0o600)
	}
	k.server = func(i *instance) *exec.Cmd {
		return command(i.binary, config(i), "--sentinel", "--port", strconv.Itoa(i.ports[0]), "--bind", "127.0.0.1", "--dir", i.dir)
	}
	return &k
}

func pingRedis(ctx context.Context, i *instance) error {
	u, err := url.Parse(i.url)
	if err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer := make([]byte, 1)
	if _, err := conn.Read(answer); err != nil {
		return err
	}
	if answer[0] != '+' {
		// A server that loads its file answers with an error.
		return errors.New("not ready")
	}
	return nil
}
