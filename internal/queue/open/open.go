// Package open opens the queue that an address names: the embedded one or RabbitMQ.
package open

import (
	"context"
	"log/slog"
	"strings"

	"github.com/botgate/botgate/internal/address"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/queue/sqlite"
)

// Options adjusts the queue, whichever it is.
type Options struct {
	// History says how much history is retained, in the form of [queue.ParseRetention].
	// Default, also as "auto": [queue.DefaultRetention] on the embedded queue, where it costs
	// next to nothing; on RabbitMQ, where it costs a stream, what others have set stays as it is.
	History string
	// MaxBytes bounds the file of the embedded queue, see [sqlite.Config]. Default: no bound.
	MaxBytes int64
	// Guest is set for a command that opens a queue which others run: whether and how much
	// history is retained stays their decision.
	Guest bool
	// Logger gets the logs of the engines. Default: discard.
	Logger *slog.Logger
}

// Open opens the queue at the address: "sqlite:<path>", where "sqlite:///<path>" is the
// same with an absolute path, or "amqp://…" and "amqps://…" as [rabbitmq.Config] has it. A
// broker need not be up; a file must be writable. Errors never contain a password.
func Open(ctx context.Context, url string, opts Options) (queue.Queue, error) {
	path, err := parse(url)
	if err != nil {
		return nil, err
	}
	history, err := opts.retention(path != "")
	if err != nil {
		return nil, err
	}
	if path != "" {
		return opened(sqlite.Open(ctx, sqlite.Config{
			Path: path, History: history, MaxBytes: opts.MaxBytes, Guest: opts.Guest, Logger: opts.Logger,
		}))
	}
	cfg := rabbitmq.Config{URL: url, Logger: opts.Logger}
	if !opts.Guest {
		cfg.History, cfg.HistoryOff = history, strings.TrimSpace(opts.History) == "off"
	}
	return opened(rabbitmq.Open(ctx, cfg))
}

// opened keeps a nil engine from becoming a queue that is not nil.
func opened[Q queue.Queue](q Q, err error) (queue.Queue, error) {
	if err != nil {
		return nil, err
	}
	return q, nil
}

// Check reports what is wrong with an address as far as it can be known without opening
// anything.
func Check(url string) error {
	_, err := parse(url)
	return err
}

func parse(url string) (path string, err error) {
	path, err = address.Queue(url)
	if err == nil && path == "" {
		err = rabbitmq.CheckURL(url)
	}
	return path, err
}

// CheckHistory reports what is wrong with [Options.History].
func CheckHistory(text string) error {
	_, err := Options{History: text}.retention(false)
	return err
}

// KeepsHistory reports whether [Open] with valid [Options.History] makes the queue keep one.
func KeepsHistory(url, history string) bool {
	path, _ := parse(url)
	keep, _ := Options{History: history}.retention(path != "")
	return !keep.Off()
}

func (o Options) retention(embedded bool) (queue.Retention, error) {
	switch {
	case o.History != "" && o.History != "auto":
		return queue.ParseRetention(o.History)
	case embedded:
		return queue.DefaultRetention, nil
	}
	return queue.Retention{}, nil
}
