package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/botgate/botgate/bench/peers/report"
)

const (
	// page and picture are where -write writes to; marker is what the page has around it.
	page, picture, marker = "README.md", "bench/peers/peers.svg", "bench-peers"
	title                 = "Processor time of one accepted command, %d connections"
)

// publish prints the tables, and writes them where they are to be read.
func (b *bench) publish(ctx context.Context, peers []peer, runs []report.Run) error {
	if len(runs) == 0 {
		return nil
	}
	labels := map[string]string{}
	for _, p := range peers {
		labels[p.name] = p.label
	}
	text := b.text(ctx, peers, runs, labels)
	fmt.Println(text)
	if !b.options.write {
		return nil
	}
	connections := b.options.connections[0]
	svg := report.Picture(report.Rows(runs, base, connections), labels, "botgate", fmt.Sprintf(title, connections))
	if err := os.WriteFile(filepath.Join(repository, picture), []byte(svg), 0o644); err != nil {
		return err
	}
	path := filepath.Join(repository, page)
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	after, err := report.Replace(string(before), marker, "!["+fmt.Sprintf(title, connections)+"]("+picture+")\n\n"+text)
	if err != nil {
		return err
	}
	b.say("writing %s and %s", page, picture)
	return os.WriteFile(path, []byte(after), 0o644)
}

// text is the tables with what is to be known about them.
func (b *bench) text(ctx context.Context, peers []peer, runs []report.Run, labels map[string]string) string {
	var out strings.Builder
	rounds := 0
	for _, r := range runs {
		rounds = max(rounds, r.Round+1)
	}
	for _, connections := range b.options.connections {
		rows := report.Rows(runs, base, connections)
		fmt.Fprintf(&out, "With %d connections:\n\n%s\n", connections, report.Table(rows, labels))
	}
	if warning := report.Warning(runs); warning != "" {
		out.WriteString(report.Wrap(warning) + "\n\n")
	}
	for _, p := range peers {
		if p.note != "" {
			out.WriteString(report.Wrap(fmt.Sprintf("%s: %s.", p.label, p.note)) + "\n\n")
		}
	}
	out.WriteString(report.Wrap(fmt.Sprintf("Measured on %s by `%s`: medians of %d rounds of %d s each. %s.",
		time.Now().Format(time.DateOnly), b.command(), rounds, int(b.options.seconds.Seconds()), b.machine(ctx))))
	return out.String()
}

// command is how to measure the same again.
func (b *bench) command() string {
	if len(b.options.flags) == 0 {
		return "make bench-peers"
	}
	return fmt.Sprintf("make bench-peers PEERS='%s'", strings.Join(b.options.flags, " "))
}

// machine says what it was measured on.
func (b *bench) machine(ctx context.Context) string {
	node, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		node = []byte("none")
	}
	return fmt.Sprintf("Everything on one machine: %d processors (%s), %d GB of memory, Linux %s, Go %s, Node %s, %s",
		runtime.NumCPU(), valueOf("/proc/cpuinfo", "model name"), memory(), kernel(),
		strings.TrimPrefix(runtime.Version(), "go"), strings.TrimSpace(strings.TrimPrefix(string(node), "v")),
		b.services.Versions(ctx))
}

// memory is how much RAM there is, in GB.
func memory() int {
	kilobytes, _ := strconv.Atoi(strings.TrimSuffix(valueOf("/proc/meminfo", "MemTotal"), " kB"))
	return (kilobytes*1024 + 5e8) / 1e9
}

// kernel is the version of it, such as 6.1.
func kernel() string {
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(text))
}

// valueOf is the first value of a name in a file of lines such as "model name : EPYC".
func valueOf(path, name string) string {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
