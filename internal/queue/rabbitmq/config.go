package rabbitmq

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/queue"
)

// Config says which broker to use and how. Only URL is required.
type Config struct {
	// URL is amqp[s]://user:password@host[:port][,host[:port]...][/vhost]. The hosts are
	// the nodes of one cluster; they are tried in turn. User and password have no default.
	// The parameters cacertfile, certfile, keyfile and passwordfile set CAFile, CertFile,
	// KeyFile and PasswordFile:
	// amqps://user@host/?cacertfile=/etc/botgate/ca.pem&passwordfile=/run/secrets/amqp.
	// There are no others.
	URL string
	// Prefix begins the names of everything that is declared. Default "botgate".
	Prefix string
	// PublishTimeout bounds a Publish whose context has no deadline; one of more than 16 MiB
	// takes as long for each of its parts. Default 5 s.
	PublishTimeout time.Duration
	// StallAfter is for how long the broker may confirm nothing to publishers that have given
	// up waiting, while it does not say that it is blocked; then the connection is made
	// anew. Default 5 s.
	StallAfter time.Duration
	// RepeatWindow is for how long an event's id is remembered: by the handle that
	// published it and by the one that consumed it, each for itself. Default 10 min.
	RepeatWindow time.Duration
	// RepeatSize bounds how many ids each of these memories holds. Default 65536, which
	// takes about 10 MB.
	RepeatSize int
	// MaxMessage is the largest body of an event, in bytes; beyond it Publish returns
	// [queue.ErrTooLarge]. It must not exceed the broker's max_message_size, which closes
	// the connection. Default 16 MiB, as in RabbitMQ 4.
	MaxMessage int
	// History says how much history is retained; see [Queue.ReadHistory]. The limits of a
	// stream are set when it is first declared; later changes are logged and take effect
	// once somebody has deleted it. Default: nothing is retained.
	History queue.Retention
	// Guest leaves to others whether there is a history: what they have switched on stays on
	// when this handle has none. For commands, which come and go.
	Guest bool
	// CAFile holds the certificates (PEM) that vouch for the broker. Default: the
	// system's. CertFile and KeyFile are this client's own certificate; default none.
	// The files are read at each connection. All three need an amqps URL.
	CAFile, CertFile, KeyFile string
	// PasswordFile holds the password that the URL leaves out. A line break at its end is not
	// part of it. It is read at each connection.
	PasswordFile string
	// Logger gets what an operator should know. Default: nobody.
	Logger *slog.Logger
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	c.PublishTimeout = cmp.Or(c.PublishTimeout, 5*time.Second)
	c.StallAfter = cmp.Or(c.StallAfter, 5*time.Second)
	c.RepeatWindow = cmp.Or(c.RepeatWindow, 10*time.Minute)
	c.RepeatSize = cmp.Or(c.RepeatSize, 1<<16)
	c.MaxMessage = cmp.Or(c.MaxMessage, 16<<20)
	c.Prefix = cmp.Or(c.Prefix, "botgate")
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// maxPrefix leaves room for what follows: AMQP names have at most 255 bytes.
const maxPrefix = 200

func (c Config) validate() error {
	switch {
	case len(c.Prefix) > maxPrefix || strings.HasPrefix(c.Prefix, "amq."):
		return fmt.Errorf("queue prefix must have at most %d bytes and not begin with \"amq.\"", maxPrefix)
	case c.PublishTimeout < 0 || c.StallAfter < 0 || c.RepeatWindow < 0 || c.RepeatSize < 0 || c.MaxMessage < 0:
		return errors.New("queue publish timeout, stall time, repeat window, repeat size and message size must not be negative")
	case (c.CertFile == "") != (c.KeyFile == ""):
		return errors.New("queue client certificate and key (certfile and keyfile) must be given together")
	}
	return nil
}

// resolve takes the URL apart and checks everything that can be known without the broker.
func (c Config) resolve() (Config, []endpoint, error) {
	endpoints, files, err := parseURL(c.URL)
	if err != nil {
		return c, nil, err
	}
	for name, field := range map[string]*string{
		"cacertfile": &c.CAFile, "certfile": &c.CertFile, "keyfile": &c.KeyFile,
		"passwordfile": &c.PasswordFile,
	} {
		if value, set := files[name]; set {
			*field = value
		}
	}
	if !endpoints[0].tls && c.CAFile+c.CertFile+c.KeyFile != "" {
		return c, nil, errors.New("queue certificates are set but the queue URL is not amqps://")
	}
	return c, endpoints, c.validate()
}
