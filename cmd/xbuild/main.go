// Command xbuild builds a gateway from xcaddy.json, which lists plugins in the JSON form
// of xcaddy.Builder. Use it to add Caddy plugins of others to Botgate.
//
// The plain build is "go build ./cmd/botgate", whose versions go.mod pins; xbuild lets
// Go choose the lowest versions that satisfy all plugins.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/xcaddy"
)

// Bounds where the file sets none. A first build on a small machine takes minutes.
const (
	defaultGetTimeout   = 10 * time.Minute
	defaultBuildTimeout = 20 * time.Minute
)

func main() {
	manifest := flag.String("manifest", "xcaddy.json", "the build manifest")
	output := flag.String("output", "bin/botgate", "the binary to write")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *manifest, *output); err != nil {
		fmt.Fprintln(os.Stderr, "xbuild:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, manifest, output string) error {
	builder, err := read(manifest)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(output), 0o750); err != nil {
		return fmt.Errorf("making the output folder: %w", err)
	}
	if err := builder.Build(ctx, output); err != nil {
		return fmt.Errorf("building %s: %w", output, err)
	}
	return nil
}

// read reads the manifest. Replacements by folders are relative to it, where xcaddy
// needs absolute paths because it builds in a folder of its own.
func read(manifest string) (*xcaddy.Builder, error) {
	raw, err := os.ReadFile(manifest)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	builder := &xcaddy.Builder{TimeoutGet: defaultGetTimeout, TimeoutBuild: defaultBuildTimeout}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(builder); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", manifest, err)
	}
	base, err := filepath.Abs(filepath.Dir(manifest))
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", manifest, err)
	}
	for i, r := range builder.Replacements {
		if folder := string(r.New); strings.HasPrefix(folder, ".") {
			builder.Replacements[i].New = xcaddy.ReplacementPath(filepath.Join(base, folder))
		}
	}
	return builder, nil
}
