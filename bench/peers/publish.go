package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
	after, err := report.Replace(string(before), marker, "![]("+picture+")\n\n"+text)
	if err != nil {
		return err
	}
	b.say("writing %s and %s", page, picture)
	return os.WriteFile(path, []byte(after), 0o644)
}

// text is the tables with what is to be known about them.
func (b *bench) text(ctx context.Context, peers []peer, runs []report.Run, labels map[string]string) string {
	var out strings.Builder
	rounds, busy := 0, false
	for _, r := range runs {
		rounds = max(rounds, r.Round+1)
	}
	for _, connections := range b.options.connections {
		rows := report.Rows(runs, base, connections)
		busy = busy || report.Busy(rows)
		fmt.Fprintf(&out, "With %d connections:\n\n%s\n", connections, report.Table(rows, labels))
	}
	if busy {
		out.WriteString("¹ Others took more than 6 % of the machine in some round.\n\n")
	}
	fmt.Fprintf(&out, "%s, `make bench-peers`: medians of %d rounds of %s, on %s.\n",
		time.Now().Format(time.DateOnly), rounds, b.options.seconds, b.machine(ctx))
	for _, p := range peers {
		if p.note != "" {
			fmt.Fprintf(&out, "- %s: %s.\n", p.label, p.note)
		}
	}
	return out.String()
}

// machine says what it was measured on.
func (b *bench) machine(ctx context.Context) string {
	node, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		node = []byte("none")
	}
	return fmt.Sprintf("%d processors (%s), %s, %s, %s, Node %s, everything on one machine",
		runtime.NumCPU(), valueOf("/proc/cpuinfo", "model name"), "Linux "+kernel(), runtime.Version(),
		b.services.Versions(ctx), strings.TrimSpace(strings.TrimPrefix(string(node), "v")))
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
