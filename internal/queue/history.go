package queue

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/event"
)

var (
	// ErrNoHistory means that the queue keeps no history, see [Retention].
	ErrNoHistory = errors.New("the queue keeps no history")
	// ErrPosition means that [HistoryRange.After] is no position of this queue.
	ErrPosition = errors.New("not a position in the history of this queue")
)

// Historian is a queue that keeps what it accepted for a while, whoever has worked on it.
type Historian interface {
	// History shows what was accepted, in that order, up to what was there when the
	// call began. It holds a bounded number of events at a time, and takes nothing out.
	// It returns the first error of show, which may take its time, or the context's,
	// ErrNoHistory, ErrPosition, ErrUnavailable or ErrClosed. Whatever the error, a
	// history can be gone on with behind the last position that was shown.
	History(ctx context.Context, r HistoryRange, show func(Entry) error) error
	// Replay gives entries of the history to a group again, Record or Dispatch, in their
	// order, and to no other. No repeat window of an earlier delivery holds them back;
	// what still waits in the group need not come twice. In Dispatch a change of each event
	// ([event.StatusReplayed]) goes with it. run becomes [Delivery.Replays]: an entry that is
	// given again in the same run may come once or twice, in another run it comes anew; see
	// [NewRun]. Errors are those of [Queue.Publish], and [ErrPosition].
	Replay(ctx context.Context, group Group, run int, entries ...Entry) error
}

// NewRun returns the number of a replay that begins at a time, in seconds. It is greater than
// those before, and than any number of returns from the dead letters.
func NewRun(at time.Time) int { return int(min(at.Unix(), math.MaxInt32)) }

// NewReplay returns the event of an entry that is replayed to a group, and the change to be
// published with it, nil for none. It is for engines.
func NewReplay(group Group, run int, entry Entry) (e, change *event.Event, err error) {
	e = entry.Event
	switch {
	case group == Record:
		return e, nil, nil
	case group == Dispatch && !e.IsChange():
		change, err = event.NewReplay(e, run, time.Now())
		return e, change, err
	}
	return nil, nil, fmt.Errorf("%w: event %s does not go to the group %q", ErrInvalid, e.ID, group)
}

// Entry is an event in the history.
type Entry struct {
	Event *event.Event
	// Position is where it stands. Positions belong to one queue.
	Position string
}

// HistoryRange says where to begin.
type HistoryRange struct {
	// Since leaves out what the queue took before; a few events of the second before it
	// may be shown. The zero time is the beginning.
	Since time.Time
	// After begins behind the entry at this position instead, if it is not empty.
	After string
}

// Retention says how much history a queue keeps: what is older than MaxAge goes, and beyond
// MaxBytes the oldest goes, a little at a time, so that a bit more is there at any moment.
// The zero value keeps nothing. What still waits for a group is never lost to it.
type Retention struct {
	// MaxAge is at least a minute.
	MaxAge time.Duration
	// MaxBytes counts bodies and attributes; it is at least [MinHistoryBytes].
	MaxBytes int64
}

// DefaultRetention is a good start.
var DefaultRetention = Retention{MaxAge: 7 * 24 * time.Hour, MaxBytes: 1 << 30}

const (
	// MinHistoryBytes is the least that [Retention.MaxBytes] can be.
	MinHistoryBytes = 1 << 20
	minHistoryAge   = time.Minute
	// maxHistoryAge keeps away from what overflows.
	maxHistoryAge = 10 * 365 * 24 * time.Hour
)

// Off reports whether nothing is kept.
func (r Retention) Off() bool { return r == Retention{} }

const retentionForm = `must be "off", or an age and a size such as "7d 1GiB"`

// ParseRetention reads "off", or an age (days as "7d", else as in time.ParseDuration) and a
// size (KB, MB, GB, TB, or the binary KiB, MiB, GiB, TiB, or plain bytes), separated by
// spaces.
func ParseRetention(text string) (Retention, error) {
	fields := strings.Fields(text)
	switch {
	case len(fields) == 1 && fields[0] == "off":
		return Retention{}, nil
	case len(fields) != 2:
		return Retention{}, errors.New(retentionForm)
	}
	age, ageErr := ParseAge(fields[0])
	size, sizeErr := parseSize(fields[1])
	switch {
	case ageErr != nil || sizeErr != nil:
		return Retention{}, errors.New(retentionForm)
	case age < minHistoryAge || age > maxHistoryAge:
		return Retention{}, errors.New("the age must be between 1m and 3650d")
	case size < MinHistoryBytes:
		return Retention{}, errors.New("the size must be at least 1MiB")
	}
	return Retention{MaxAge: age, MaxBytes: size}, nil
}

// ParseAge reads a duration of time.ParseDuration, or days, such as "7d" or "1.5d".
func ParseAge(text string) (time.Duration, error) {
	days, found := strings.CutSuffix(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseFloat(days, 64)
	if err != nil || !(math.Abs(n) <= maxHistoryAge.Hours()/24) {
		return 0, fmt.Errorf("%q is no number of days", text)
	}
	return time.Duration(n * 24 * float64(time.Hour)), nil
}

func parseSize(text string) (int64, error) {
	unit := int64(1)
	for _, u := range []struct {
		name string
		size int64
	}{
		{"KiB", 1 << 10},
		{"MiB", 1 << 20},
		{"GiB", 1 << 30},
		{"TiB", 1 << 40},
		{"KB", 1e3},
		{"MB", 1e6},
		{"GB", 1e9},
		{"TB", 1e12},
	} {
		if number, found := strings.CutSuffix(text, u.name); found {
			text, unit = number, u.size
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is no size", text)
	}
	return n * unit, nil
}
