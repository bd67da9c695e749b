package redisclient

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"
)

// noScript begins the error of a Redis that does not know a script, since it was restarted for one.
const noScript = "NOSCRIPT"

// Script is a Lua script that a [Pipe] knows. It returns one text.
type Script struct{ sha1 string }

// scripts are the sources of a pipe's scripts, by their SHA-1.
type scripts struct{ sources sync.Map }

// Script makes a script known to the pipe, which sends its SHA-1, and its source where Redis does not know it.
func (p *Pipe) Script(source string) Script {
	s := Script{redis.NewScript(source).Hash()}
	p.scripts.sources.Store(s.sha1, source)
	return s
}

// Where the name of the command and the script are among its arguments.
const (
	nameAt = iota
	scriptAt
	fixed = 3 // With the number of keys.
)

// Command runs the script. In a cluster the keys must share a slot.
func (s Script) Command(keys []string, args ...any) *redis.StringCmd {
	all := make([]any, fixed, fixed+len(keys)+len(args))
	all[nameAt], all[scriptAt], all[fixed-1] = "evalsha", s.sha1, len(keys)
	for _, key := range keys {
		all = append(all, key)
	}
	cmd := redis.NewStringCmd(context.Background(), append(all, args...)...) // Nothing but its call ends it.
	cmd.SetFirstKeyPos(fixed)
	return cmd
}

// withSources returns the commands that failed since Redis does not know their script, now with its source.
func (p *Pipe) withSources(cmds []redis.Cmder) (again []redis.Cmder) {
	for _, cmd := range cmds {
		if !redis.HasErrorPrefix(cmd.Err(), noScript) {
			continue
		}
		args := cmd.Args()
		if source, known := p.scripts.sources.Load(args[scriptAt]); known {
			args[nameAt], args[scriptAt] = "eval", source
			cmd.SetErr(nil)
			again = append(again, cmd)
		}
	}
	return again
}
