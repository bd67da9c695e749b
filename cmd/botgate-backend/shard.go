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
	"github.com/botgate/botgate/backend/store/sharded"
)

// runShard is the command "shard".
func runShard(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	command, err := shard.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		say(stdout, shard.Usage)
		return exitOK
	}
	var m sharded.Map
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

func shardMap(file string, getenv func(string) string) (sharded.Map, error) {
	file = cmp.Or(file, getenv(config.EnvShardsFile))
	if file == "" {
		return sharded.Map{}, fmt.Errorf("%s: without a shards file there is one database, which has everything", config.EnvShardsFile)
	}
	m, err := sharded.Load(file, getenv)
	if err != nil {
		return m, fmt.Errorf("%s: %w", config.EnvShardsFile, err)
	}
	return m, nil
}
