package rabbitmq

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/botgate/botgate/internal/queue"
)

// Config says which broker to use and how. Only URL is required.
type Config struct {
	// URL is amqp[s]://user:password@host[:port][,host[:port]...][/vhost]. The hosts are
	// the nodes of one cluster; they are tried in turn. User and password have no default.
	// There are the parameters cacertfile (PEM, for the broker's certificate; default: the
	// system's), certfile and keyfile (this client's own certificate), which need amqps, and
	// passwordfile, for a password that the URL leaves out; a line break at its end is not part
	// of it. The files are read at each connection:
	// amqps://user@host/?cacertfile=/etc/botgate/ca.pem&passwordfile=/run/secrets/amqp.
	// queues=shared puts all bots into 64 queues, for those who have thousands.
	URL string
	// Prefix begins the names of everything that is declared, in at most 200 bytes. Default
	// "botgate".
	Prefix string
	// PublishTimeout bounds a Publish whose context has no deadline; one of more than 16 MiB
	// takes as long for each of its parts. Default 5 s.
	PublishTimeout time.Duration
	// StallAfter is for how long the broker may confirm nothing to publishers that have given
	// up waiting, while it does not say that it is blocked; then the connection is made
	// anew. Default 5 s.
	StallAfter time.Duration
	// RepeatWindow is for how long an event's id is remembered, and up to a quarter longer: by
	// the handle that published it and by the one that consumed it, each for itself, and by
	// group. Default 10 min.
	RepeatWindow time.Duration
	// RepeatSize bounds how many ids each of these memories holds, at about 25 bytes each; four
	// fifths of it are never forgotten early. Default 2097152: 10 minutes of 2 800 ids a second,
	// in about 50 MB where there are so many.
	RepeatSize int
	// MaxMessage is the largest body of an event, in bytes; beyond it Publish returns
	// [queue.ErrTooLarge]. Above the broker's max_message_size it does so, too, at the price of a
	// channel, and of a delay for what is in flight there. Default 16 MiB, as in RabbitMQ 4.
	MaxMessage int
	// History says how much history is retained; see [Queue.ReadHistory]. The limits of a
	// stream are set when it is first declared; later changes are logged and take effect
	// once somebody has deleted it. Default: what others have switched on stays as it is.
	History queue.Retention
	// HistoryOff switches the history off, for everybody.
	HistoryOff bool
	// Sharing has the times by which processes share the queues of bots.
	Sharing Sharing
	// Logger gets what an operator should know. Default: nobody.
	Logger *slog.Logger
}

// Sharing has the times by which the processes that consume Dispatch share its queues. All of them
// are to have the same.
type Sharing struct {
	// AnnounceInterval is the time between two announcements of a process. Default 1 s.
	AnnounceInterval time.Duration
	// MemberTimeout is after how long a process that was not heard of is taken for gone. Default 5 s.
	MemberTimeout time.Duration
	// SettleTime is for how long the processes must have been the same before queues move. Default 3 s.
	SettleTime time.Duration
	// MoveInterval is for how long a process keeps a queue that comes back after it has handed it
	// over, since then processes come and go. Default 30 s.
	MoveInterval time.Duration
	// HandOverWait bounds how long a process that hands a queue over waits for what is worked on. What
	// takes longer is delivered to the next owner, too, while it is worked on. Default 1 min.
	HandOverWait time.Duration
}

func (s Sharing) withDefaults() Sharing {
	s.AnnounceInterval = cmp.Or(max(s.AnnounceInterval, 0), time.Second)
	s.MemberTimeout = cmp.Or(max(s.MemberTimeout, 0), 5*time.Second)
	s.SettleTime = cmp.Or(max(s.SettleTime, 0), 3*time.Second)
	s.MoveInterval = cmp.Or(max(s.MoveInterval, 0), 30*time.Second)
	s.HandOverWait = cmp.Or(max(s.HandOverWait, 0), time.Minute)
	return s
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	c.PublishTimeout = cmp.Or(max(c.PublishTimeout, 0), 5*time.Second)
	c.StallAfter = cmp.Or(max(c.StallAfter, 0), 5*time.Second)
	c.RepeatWindow = cmp.Or(max(c.RepeatWindow, 0), 10*time.Minute)
	c.RepeatSize = cmp.Or(max(c.RepeatSize, 0), 1<<21)
	c.MaxMessage = cmp.Or(max(c.MaxMessage, 0), 16<<20)
	c.Sharing = c.Sharing.withDefaults()
	c.Prefix = cmp.Or(c.Prefix, "botgate")
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}
