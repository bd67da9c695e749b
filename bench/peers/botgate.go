package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/botgate/botgate/bench/peers/services"
)

// botgate is the gateway alone, as it is shipped but for the schema of the commands.
func (b *bench) botgate(name, label, binary string, env ...string) peer {
	return peer{
		name: name, label: label, accepted: accepted, refused: refused,
		ledger: services.Queues{Services: b.services, Names: []string{"botgate.bot.demo"}, Shared: "botgate.record"},
		command: func(ctx context.Context, dir, listen string) (*exec.Cmd, error) {
			if err := b.prepareBotgate(ctx, dir, binary); err != nil {
				return nil, err
			}
			admin, err := freeAddress(ctx)
			if err != nil {
				return nil, err
			}
			_, port, err := net.SplitHostPort(listen)
			if err != nil {
				return nil, err
			}
			cmd := exec.CommandContext(ctx, binary, "run", "--config", "Caddyfile")
			cmd.Env = append(append(os.Environ(), env...), "HOME="+dir, "BOTGATE_ROLES=none", "BOTGATE_HTTP_PORT="+port,
				"BOTGATE_ADMIN="+admin, "BOTGATE_QUEUE_URL="+b.services.AMQPURL, "BOTGATE_REDIS_URL="+b.services.RedisURL)
			return cmd, nil
		},
	}
}

// prepareBotgate writes the gateway's files.
func (b *bench) prepareBotgate(ctx context.Context, dir, binary string) error {
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	// "init" makes the secrets that are not there yet.
	if err := os.WriteFile(filepath.Join(data, "jwt.secret"), []byte(b.secret), 0o600); err != nil {
		return err
	}
	initialize := exec.CommandContext(ctx, binary, "init")
	initialize.Dir, initialize.Env = dir, append(os.Environ(), "HOME="+dir)
	if out, err := initialize.CombinedOutput(); err != nil {
		return fmt.Errorf("botgate init: %w: %s", err, out)
	}
	shipped, err := os.ReadFile(filepath.Join(repository, "Caddyfile"))
	if err != nil {
		return err
	}
	config, err := configure(string(shipped), b.programs.schema)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(config), 0o600)
}

// configure is the shipped Caddyfile with the bench's schema on all routes of commands.
func configure(shipped, schema string) (string, error) {
	folder, file := filepath.Split(schema)
	checked := fmt.Sprintf("bot_schema %s {\n\t\t\t\tfolder %s\n\t\t\t}", file, folder)
	const next = "\n\t\t\tbot_enqueue"
	const given = "bot_schema command.v1.json" + next
	if !strings.Contains(shipped, given) {
		return "", fmt.Errorf("the shipped Caddyfile has no %q", given)
	}
	return strings.ReplaceAll(shipped, given, checked+next), nil
}
