package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/shard"
	"github.com/botgate/botgate/backend/store/shards"
)

// runShard is the command "shard".
func runShard(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	command, err := shard.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		say(stdout, shard.Usage)
		return exitOK
	}
	var m shards.Map
	if err == nil {
		m, err = shardMap(command.File, getenv)
	}
	var settings config.Config
	if err == nil {
		settings, err = config.FromEnv(rolesAside(getenv))
	}
	if err != nil {
		say(stderr, complaint(err))
		return exitUsage
	}
	s, err := app.OpenShards(ctx, m, settings.Data, warnings(stderr), nil)
	if err == nil {
		err = errors.Join(command.Run(ctx, s, stdout, stderr), s.Close())
	}
	if err != nil {
		say(stderr, complaint(err))
		return exitError
	}
	return exitOK
}

func shardMap(file string, getenv func(string) string) (shards.Map, error) {
	file = cmp.Or(file, getenv(shards.EnvFile))
	if file == "" {
		return shards.Map{}, fmt.Errorf("%s: without a shards file there is one database, which has everything", shards.EnvFile)
	}
	m, err := shards.Load(file, getenv)
	if err != nil {
		return m, fmt.Errorf("%s: %w", shards.EnvFile, err)
	}
	return m, nil
}
