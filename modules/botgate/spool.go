package botgate

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// What on_broker_error can be.
const (
	onBrokerErrorSpool  = "spool"
	onBrokerErrorReject = "reject"
)

// spoolFile is the spool's file in the data folder.
const spoolFile = "spool.db"

// maxAge is the largest max_age.
const maxAge = 10 * 365 * 24 * time.Hour

// Spool says where and how much is spooled while RabbitMQ takes no events. When it is full
// or too old, events are refused with 503; what is in it is never dropped.
type Spool struct {
	// Path is the spool's file, which no other process may have. Default: <data>/spool.db.
	Path string `json:"path,omitempty"`

	// MaxSize bounds what the events in the spool take, in bytes. Default: 1 GB.
	MaxSize int64 `json:"max_size,omitempty"`

	// MaxAge bounds the age of the oldest event in the spool. Default: 24h.
	MaxAge caddy.Duration `json:"max_age,omitempty"`
}

// provisionSpool checks the options.
func (a *App) provisionSpool() error {
	switch a.OnBrokerError {
	case "":
		a.OnBrokerError = onBrokerErrorSpool
	case onBrokerErrorSpool, onBrokerErrorReject:
	default:
		return fmt.Errorf("option on_broker_error: %q is neither spool nor reject", a.OnBrokerError)
	}
	if a.Spool.MaxSize < 0 || a.Spool.MaxAge < 0 {
		return errors.New("option spool: max_size and max_age must be positive")
	}
	if a.Spool.Path == "" {
		a.Spool.Path = filepath.Join(a.Data, spoolFile)
	}
	path, err := filepath.Abs(a.Spool.Path)
	if err != nil {
		return fmt.Errorf("option spool: %w", err)
	}
	a.Spool.Path = path
	return nil
}
