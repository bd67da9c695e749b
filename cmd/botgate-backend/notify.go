package main

import (
	"log/slog"
)

// announcing tells systemd, where it has started the process with Type=notify, what the process does now, as Caddy
// does in the gateway: see sd_notify(3).
func announcing(log *slog.Logger, tell func() error) func() {
	return func() {
		if err := tell(); err != nil {
			log.Warn("systemd could not be told", "error", err)
		}
	}
}
