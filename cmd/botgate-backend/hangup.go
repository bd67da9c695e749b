package main

import (
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/botgate/botgate/internal/reload"
)

// onHangup has SIGHUP read changed files at once rather than soon, until the end, and say how each stands.
func onHangup(log *slog.Logger) (end func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	var running sync.WaitGroup
	running.Go(func() {
		for range hangups {
			for _, r := range reload.All() {
				tell(log, r)
			}
		}
	})
	return func() {
		signal.Stop(hangups)
		close(hangups)
		running.Wait()
	}
}

// tell logs how files stand.
func tell(log *slog.Logger, r reload.Report) {
	attrs := []any{slog.String("what", r.What), slog.String("files", strings.Join(r.Files, " ")), slog.Time("read_at", r.At)}
	switch {
	case r.Error != "":
		log.Warn("reloaded: the files can't be used, and what they held before stays in use", append(attrs, slog.String("error", r.Error))...)
	case r.Changed:
		log.Info("reloaded: the files changed", append(attrs, slog.String("changes", r.Changes))...)
	default:
		log.Info("reloaded: the files are as they were", append(attrs, slog.String("last_changes", r.Changes))...)
	}
}
