package queue

import (
	"errors"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/botgate/botgate/internal/duration"
)

// Retention says how much history a queue retains: events older than MaxAge are removed, and
// beyond MaxBytes the oldest are, in small steps, so that at any moment a little more is
// there. The zero value retains nothing. Events that still wait for a group stay in any case.
type Retention struct {
	// MaxAge is at least a minute.
	MaxAge time.Duration
	// MaxBytes counts bodies and attributes; it is at least 1 MiB.
	MaxBytes int64
}

// DefaultRetention is a good start.
var DefaultRetention = Retention{MaxAge: 7 * 24 * time.Hour, MaxBytes: 1 << 30}

const (
	// minHistoryBytes is the least that [Retention.MaxBytes] can be.
	minHistoryBytes = 1 << 20
	minHistoryAge   = time.Minute
	// maxHistoryAge keeps well below what overflows.
	maxHistoryAge = 10 * 365 * 24 * time.Hour
)

// Off reports whether nothing is retained.
func (r Retention) Off() bool { return r == Retention{} }

const retentionForm = `must be "off", or an age and a size such as "7d 1GiB"`

// ParseRetention parses "off", or an age as in [duration.Parse] and a size (KB, MB, GB, TB, or
// the binary KiB, MiB, GiB, TiB, or plain bytes), separated by spaces.
func ParseRetention(text string) (Retention, error) {
	fields := strings.Fields(text)
	switch {
	case len(fields) == 1 && fields[0] == "off":
		return Retention{}, nil
	case len(fields) != 2:
		return Retention{}, errors.New(retentionForm)
	}
	age, ageErr := duration.Parse(fields[0])
	size, sizeErr := humanize.ParseBytes(fields[1])
	switch {
	case ageErr != nil, sizeErr != nil, size > math.MaxInt64:
		return Retention{}, errors.New(retentionForm)
	case age < minHistoryAge || age > maxHistoryAge:
		return Retention{}, errors.New("the age must be between 1m and 3650d")
	case size < minHistoryBytes:
		return Retention{}, errors.New("the size must be at least 1MiB")
	}
	return Retention{MaxAge: age, MaxBytes: int64(size)}, nil
}
