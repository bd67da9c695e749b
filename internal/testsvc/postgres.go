package testsvc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var postgresKind = kind{
	name:    "PostgreSQL",
	env:     "BOTGATE_TEST_POSTGRES_URL",
	install: "postgresql",
	account: "postgres",
	ports:   1,
	stop:    syscall.SIGINT,
	// SIGKILL would leave the server's shared memory behind.
	crash: syscall.SIGQUIT,
	find:  func(root string) (string, error) { return locate(root, "postgres", "/usr/lib/postgresql/*/bin") },
	url: func(i *instance) string {
		return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", i.ports[0])
	},
	setup: func(i *instance) error {
		return i.run(pgCommand(i, "initdb", "-D", "data", "-U", "postgres", "-A", "trust",
			"-N", "-E", "UTF8", "--locale=C"))
	},
	server: postgresServer("fsync=off", "synchronous_commit=off", "full_page_writes=off"),
	ready: func(ctx context.Context, i *instance) error {
		conn, err := pgx.Connect(ctx, i.url)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }()
		var folder string
		if err := conn.QueryRow(ctx, "show data_directory").Scan(&folder); err != nil {
			return err
		}
		if filepath.Base(filepath.Dir(folder)) != filepath.Base(i.dir) {
			return errors.New("another server has the port")
		}
		return nil
	},
}

// durablePostgres keeps what it committed over a power cut, too, as a server in production does.
func durablePostgres() *kind {
	durable := postgresKind
	durable.server = postgresServer("fsync=on")
	return &durable
}

func postgresServer(settings ...string) func(*instance) *exec.Cmd {
	settings = append([]string{"listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"}, settings...)
	return func(i *instance) *exec.Cmd {
		args := []string{"-D", "data", "-p", strconv.Itoa(i.ports[0])}
		for _, setting := range settings {
			args = append(args, "-c", setting)
		}
		return command(i.binary, args...)
	}
}

// freshDatabase makes a database on the server and drops it after the test.
func freshDatabase(t testing.TB, server string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s: %v", postgresKind.env, err)
	}
	name := "t_" + strings.ToLower(rand.Text())
	// template0 has no other sessions, which would be in the way of the copy.
	execute(t, server, "create database "+name+" template template0")
	t.Cleanup(func() { execute(t, server, "drop database "+name+" with (force)") })
	u.Path = "/" + name
	return u.String()
}

// PostgresTool is a command of a program that the tests' PostgreSQL came with, such as pg_dump. It sees the files of the
// server's root, so it is to read standard input and to write standard output. Without the program the test is skipped,
// as without the server.
func PostgresTool(t testing.TB, program string, args ...string) *exec.Cmd {
	t.Helper()
	root := postgresKind.root()
	server, err := postgresKind.find(root)
	if err != nil {
		giveUp(t, postgresKind.missing(err))
	}
	path := filepath.Join(filepath.Dir(server), program)
	if _, err := os.Stat(path); err != nil {
		giveUp(t, fmt.Errorf("%s: %w", program, errNotInstalled))
	}
	cmd := exec.CommandContext(t.Context(), strings.TrimPrefix(path, root), args...)
	if root != "" {
		cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Chroot: root}, "/"
	}
	return cmd
}

func execute(t testing.TB, server, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
