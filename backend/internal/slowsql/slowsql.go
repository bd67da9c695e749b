// Package slowsql has the log say which statements take long, in few lines.
package slowsql

import (
	"log/slog"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/recurring"
)

// maxNames is how many names of statements are told apart; there are a few dozen.
const maxNames = 200

// Log logs statements that took long. A nil one logs nothing. It may be used concurrently.
type Log struct {
	log   *slog.Logger
	after time.Duration

	mu     sync.Mutex
	counts map[string]*recurring.Count // By the names of statements.
}

// New makes a log of what takes at least so long; nil where that is 0.
func New(log *slog.Logger, after time.Duration) *Log {
	if after <= 0 {
		return nil
	}
	return &Log{log: log, after: after, counts: map[string]*recurring.Count{}}
}

// IsSlow reports whether [Log.Took] has anything to do.
func (l *Log) IsSlow(took time.Duration) bool { return l != nil && took >= l.after }

// Took notes how long a statement took.
func (l *Log) Took(statement string, took time.Duration) {
	if !l.IsSlow(took) {
		return
	}
	name := Name(statement)
	if times, isDue := l.again(name); isDue {
		l.log.Warn("a statement took long", slog.String("statement", name), slog.Duration("took", took),
			slog.Duration("threshold", l.after), slog.Int("times", times))
	}
}

func (l *Log) again(name string) (times int, isDue bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := l.counts[name]
	if count == nil {
		if len(l.counts) >= maxNames {
			return 0, false
		}
		count = new(recurring.Count)
		l.counts[name] = count
	}
	return count.Again(time.Now())
}
