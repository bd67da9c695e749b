// Package open opens the queue that an address names: the embedded one or RabbitMQ.
package open

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/queue/sqlite"
)

// The names of the settings, for errors: Option holds the address, HistoryOption what is
// kept to be replayed.
const (
	Option        = "BOTGATE_QUEUE_URL"
	HistoryOption = "BOTGATE_HISTORY"
)

// Options adjusts the queue, whichever it is.
type Options struct {
	// History says what is kept to be replayed, in the form of [queue.ParseRetention]. Default,
	// also as "auto": [queue.DefaultRetention] on the embedded queue, where it costs next to
	// nothing, and nothing on RabbitMQ, where it does.
	History string
	// Guest is set for a command that looks at a queue which others run: how much history is
	// kept, and whether any is, stays their decision.
	Guest bool
	// Logger gets what the engines have to tell. Default: discard.
	Logger *slog.Logger
}

// Open opens the queue at the address: "sqlite:<path>", where "sqlite:///<path>" is the
// same with an absolute path, or "amqp://…" and "amqps://…" as [rabbitmq.Config] has it. A
// broker need not be up; a file must be writable. Errors name [Option] and never contain
// a password.
func Open(ctx context.Context, address string, opts Options) (queue.Queue, error) {
	if err := Check(address); err != nil {
		return nil, err
	}
	history, err := parseHistory(address, opts.History)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(address, "sqlite:") {
		return openSQLite(ctx, address, history, opts)
	}
	return openRabbitMQ(ctx, address, history, opts)
}

func openSQLite(ctx context.Context, address string, history queue.Retention, opts Options) (queue.Queue, error) {
	path, err := SQLitePath(address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Option, err)
	}
	q, err := sqlite.Open(ctx, sqlite.Config{Path: path, History: history, Guest: opts.Guest, Logger: opts.Logger})
	if err != nil {
		return nil, err // It names the option already.
	}
	return q, nil
}

func openRabbitMQ(ctx context.Context, address string, history queue.Retention, opts Options) (queue.Queue, error) {
	q, err := rabbitmq.Open(ctx, rabbitmq.Config{URL: address, History: history, Guest: opts.Guest, Logger: opts.Logger})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Option, err)
	}
	return q, nil
}

// Check reports what is wrong with an address as far as it can be known without opening
// anything. Errors name [Option].
func Check(address string) error {
	scheme, _, _ := strings.Cut(address, ":")
	switch scheme {
	case "sqlite":
		if _, err := SQLitePath(address); err != nil {
			return fmt.Errorf("%s: %w", Option, err)
		}
		return nil
	case "amqp", "amqps":
		if err := rabbitmq.CheckURL(address); err != nil {
			return fmt.Errorf("%s: %w", Option, err)
		}
		return nil
	}
	return fmt.Errorf("%s: must be sqlite:<path>, amqp://<host> or amqps://<host>", Option)
}

// CheckHistory reports what is wrong with [Options.History]. Errors name [HistoryOption].
func CheckHistory(text string) error {
	_, err := parseHistory("", text)
	return err
}

func parseHistory(address, text string) (queue.Retention, error) {
	switch {
	case text != "" && text != "auto":
	case strings.HasPrefix(address, "sqlite:"):
		return queue.DefaultRetention, nil
	default:
		return queue.Retention{}, nil
	}
	history, err := queue.ParseRetention(text)
	if err != nil {
		return history, fmt.Errorf("%s: %w", HistoryOption, err)
	}
	return history, nil
}

// SQLitePath returns the file of an address of the form "sqlite:<path>" or
// "sqlite:///<absolute path>".
func SQLitePath(address string) (string, error) {
	path, ok := strings.CutPrefix(address, "sqlite:")
	if rest, slashes := strings.CutPrefix(path, "//"); slashes {
		path, ok = rest, ok && strings.HasPrefix(rest, "/")
	}
	if !ok || path == "" || strings.ContainsAny(path, "?#\x00") {
		return "", errors.New("must be sqlite:<path> or sqlite:///<absolute path>, such as sqlite:data/file.db")
	}
	return path, nil
}
