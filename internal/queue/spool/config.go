package spool

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/botgate/botgate/internal/tracing"
)

// Config says where the spool is.
type Config struct {
	// Path is the spool's file; beside it are those of [sqlite.Config] and
	// "<path>.lock". They must be on a local disk. Required.
	Path string
	// Option names what an operator changes to have another file, in messages. Default "spool".
	Option string
	// Without is what an operator sets to spool nothing, in messages. Default "on_broker_error reject".
	Without string
	// DrainTimeout bounds how long the drainer waits for a confirmation, and with it how
	// long Close takes while the broker does not answer. Default 5s.
	DrainTimeout time.Duration
	// Grace bounds how long Close goes on to drain while the broker takes something. Default 5s.
	Grace time.Duration
	// MaxEvent is the largest body, in bytes, that the broker takes. Larger ones are not
	// spooled, since they could never be drained. Default 16 MiB, as in queue/rabbitmq.
	MaxEvent int
	// Messaging makes a span of each run from the first event that leaves the file to the last; nil for none.
	Messaging *tracing.Messaging
	// Logger gets what an operator should know. Default: nobody.
	Logger *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.Path == "" {
		return c, errors.New("the path of the spool is empty")
	}
	c.Option = cmp.Or(c.Option, "spool")
	c.Without = cmp.Or(c.Without, "on_broker_error reject")
	c.DrainTimeout = cmp.Or(max(c.DrainTimeout, 0), 5*time.Second)
	c.Grace = cmp.Or(max(c.Grace, 0), 5*time.Second)
	c.MaxEvent = cmp.Or(max(c.MaxEvent, 0), 16<<20)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c, nil
}

func (o Options) oneBot() bool { return o.OneBot != nil && o.OneBot() }

// DefaultMaxBytes is the default of [Options.MaxBytes].
const DefaultMaxBytes = 1_000_000_000

// Options says how a [Queue] uses the spool.
type Options struct {
	// Reject refuses events that the broker does not take, instead of spooling them. What
	// was spooled before is still drained, and until then events of the same order keys
	// are refused. Default false.
	Reject bool
	// MaxBytes bounds what the file holds: bodies, attributes and 512 bytes for each
	// event. Beyond it nothing more is accepted. Default 1 GB.
	MaxBytes int64
	// OneBot reports whether there is one bot, which may have all of MaxBytes. Otherwise a bot may have as
	// much as it leaves free, so that there is always room for others: one bot up to half
	// of it, two up to a third each. Default: there are several.
	OneBot func() bool
	// MaxAge bounds how old the oldest event may be: beyond it nothing more is accepted for the
	// queue that it waits for, that is for its bot, or where Record does not have it, for
	// all. What is there stays and is drained, however old. Default 24h.
	MaxAge time.Duration
	// ConfirmTimeout bounds the wait for the broker's confirmation, after which an event
	// is spooled. A caller's deadline makes it shorter: half of the time is the spool's.
	// Default 2s.
	ConfirmTimeout time.Duration
	// TurnWait is how long an event waits for those of its order key that are being drained,
	// before it is spooled behind them. Default 250ms.
	TurnWait time.Duration
}

func (o Options) withDefaults() Options {
	o.MaxBytes = cmp.Or(max(o.MaxBytes, 0), DefaultMaxBytes)
	o.MaxAge = cmp.Or(max(o.MaxAge, 0), 24*time.Hour)
	o.ConfirmTimeout = cmp.Or(max(o.ConfirmTimeout, 0), 2*time.Second)
	o.TurnWait = cmp.Or(max(o.TurnWait, 0), 250*time.Millisecond)
	return o
}
