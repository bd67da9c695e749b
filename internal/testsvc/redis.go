package testsvc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/exec"
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
	find:    func() (string, error) { return locate("redis-server", "") },
	url:     func(i *instance) string { return fmt.Sprintf("redis://127.0.0.1:%d/0", i.ports[0]) },
	setup:   func(*instance) error { return nil },
	server: func(i *instance) *exec.Cmd {
		// The append-only file without fsync outlives the process, not the machine.
		return command(i.binary, "--port", strconv.Itoa(i.ports[0]), "--bind", "127.0.0.1",
			"--save", "", "--appendonly", "yes", "--appendfsync", "no", "--dir", i.dir)
	},
	ready: pingRedis,
}

func pingRedis(ctx context.Context, rawURL string) error {
	u, err := url.Parse(rawURL)
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
