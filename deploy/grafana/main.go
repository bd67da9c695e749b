// Command grafana writes Botgate's dashboards, one file each.
//
//	go run . dashboards
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: grafana <folder>")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "grafana:", err)
		os.Exit(1)
	}
}

// boards are all dashboards.
func boards() []board {
	return []board{overview(), delivery(), queues(), stores(), processes()}
}

// write puts a file of each dashboard into the folder.
func write(folder string) error {
	for _, b := range boards() {
		built, err := b.build()
		if err != nil {
			return fmt.Errorf("building %s: %w", b.uid, err)
		}
		text, err := json.MarshalIndent(built, "", "  ")
		if err != nil {
			return fmt.Errorf("encoding %s: %w", b.uid, err)
		}
		path := filepath.Join(folder, b.uid+".json")
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			return fmt.Errorf("writing a dashboard: %w", err)
		}
	}
	return nil
}
