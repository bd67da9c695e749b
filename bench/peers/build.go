package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/botgate/botgate/bench/peers/workload"
)

// repository is where Botgate is; the command runs in its own folder.
const repository = "../.."

// programs are what peers are started from.
type programs struct {
	// folder has everything that is made for this run.
	folder string
	// botgate is the gateway, and other another build of it, if one is given.
	botgate, other string
	// schema is the file with the workload's schema.
	schema string
	// noNode says why the peers in Node can't run; empty when they can.
	noNode string
}

func (b *bench) build(ctx context.Context) (p programs, err error) {
	if p.folder, err = os.MkdirTemp("", "botgate-peers-"); err != nil {
		return programs{}, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(p.folder)
		}
	}()
	p.schema = filepath.Join(p.folder, "schemas", "order.json")
	if err := os.Mkdir(filepath.Dir(p.schema), 0o700); err != nil {
		return programs{}, err
	}
	if err := os.WriteFile(p.schema, workload.Schema, 0o600); err != nil {
		return programs{}, err
	}
	b.say("building the hand-written handlers")
	if err := command(ctx, ".", "go", "build", "-o", p.folder, "./handmade/..."); err != nil {
		return programs{}, err
	}
	if p.botgate, err = b.buildBotgate(ctx, p.folder); err != nil {
		return programs{}, err
	}
	if p.other, err = given(b.options.other); err != nil {
		return programs{}, err
	}
	p.noNode = b.installNode(ctx)
	return p, nil
}

// buildBotgate builds the gateway as the Makefile does.
func (b *bench) buildBotgate(ctx context.Context, folder string) (path string, err error) {
	if b.options.botgate != "" {
		return given(b.options.botgate)
	}
	b.say("building Botgate; the first time takes a few minutes")
	path = filepath.Join(folder, "botgate")
	return path, command(ctx, repository, "go", "build", "-trimpath", "-tags", "nobadger,nomysql,nopgx",
		"-ldflags", "-s -w", "-o", path, "./cmd/botgate")
}

// given is a program that a flag names; empty where it names none.
func given(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("%s: give the whole path, since make runs this in bench/peers", path)
	}
	return exec.LookPath(path)
}

// installNode installs what the peers in Node need, or says why that can't be.
func (b *bench) installNode(ctx context.Context) (missing string) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not installed"
		}
	}
	if _, err := os.Stat("node/node_modules"); err == nil {
		return ""
	}
	b.say("installing the packages of the peers in Node")
	if err := command(ctx, "node", "npm", "ci", "--silent", "--no-audit", "--no-fund"); err != nil {
		return err.Error()
	}
	return ""
}

func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", name, args, err, out)
	}
	return nil
}
