// Package reload holds what was read from files and reads it again when one of them
// changes, so that what operators edit takes effect without a restart.
package reload

import (
	"cmp"
	"context"
	"crypto/sha256"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/botgate/botgate/internal/background"
)

// defaultInterval is how often files are looked at.
const defaultInterval = 2 * time.Second

// Config says what is loaded, and from where.
type Config[T any] struct {
	// What names what the files hold, in few words that are the same in each process: "bots file". It is in
	// logs, in reports and the label of a metric. Required.
	What string
	// Files are looked at.
	Files []string
	// List returns more files to look at, so that files that come and go are noticed, too.
	// Without it and without Files the value never changes.
	List func() []string
	// Load reads and checks everything. Required.
	Load func() (T, error)
	// Apply has a change take effect where [Value.Get] alone is not enough, just before Get returns it, and says
	// in a few words what changed, empty where that is nothing that counts. Default: nothing is done, and
	// "read again" said.
	Apply func(before, now T) (changes string)
	// Interval is how often the files are looked at. Default: 2s.
	Interval time.Duration
	// Logger gets a warning for each change that could not be loaded. Required.
	Logger *slog.Logger
}

// Value is what was loaded last, until Close and after it. It may be used concurrently.
type Value[T any] struct {
	tasks   *background.Tasks
	config  Config[T]
	current atomic.Pointer[T]

	mu     sync.Mutex // Held by whoever loads.
	seen   [sha256.Size]byte
	report Report
}

// New loads the value, and then follows its files until Close.
func New[T any](c Config[T]) (*Value[T], error) {
	c.Interval = cmp.Or(c.Interval, defaultInterval)
	v := &Value[T]{tasks: background.New(), config: c}
	// What changes during the load is noticed at the first look.
	v.seen = v.digest()
	first, err := c.Load()
	if err != nil {
		return nil, err
	}
	v.current.Store(&first)
	v.report = Report{What: c.What, Files: v.files(), At: time.Now()}
	if len(c.Files) == 0 && c.List == nil {
		return v, nil
	}
	followed.add(v)
	v.tasks.Every(c.Interval, func(context.Context) { v.look(false) })
	return v, nil
}

// Get returns the last good value, also after Close.
func (v *Value[T]) Get() T { return *v.current.Load() }

// Close ends the following of the files. It may be called again, and never fails.
func (v *Value[T]) Close() error {
	err := v.tasks.Close()
	if followed.remove(v) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.refuse("")
	}
	return err
}

// Look looks at the files now, tries again what was refused, and reports how things stand.
func (v *Value[T]) Look() Report { return v.look(true) }

// look loads what changed, and with again what was refused.
func (v *Value[T]) look(again bool) Report {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Changed = false
	if digest := v.digest(); digest != v.seen || again && v.report.Error != "" {
		v.seen = digest
		v.load()
	}
	return v.report
}

// load has the lock.
func (v *Value[T]) load() {
	next, err := v.config.Load()
	v.report.Files = v.files()
	if err != nil {
		v.refuse(err.Error())
		v.config.Logger.Warn("changed files could not be loaded, what they held before stays in use",
			slog.String("what", v.config.What), slog.Any("error", err))
		return
	}
	changes := "read again"
	if v.config.Apply != nil {
		changes = v.config.Apply(v.Get(), next)
	}
	v.current.Store(&next)
	v.refuse("")
	v.report.Changed, v.report.At, v.report.Changes = true, time.Now(), changes
	v.config.Logger.Info("changed files were loaded", slog.String("what", v.config.What), slog.String("changes", changes),
		slog.Int("files", len(v.report.Files)))
}

// refuse notes why what the files hold is not in use; empty for that it is. The caller has the lock.
func (v *Value[T]) refuse(reason string) {
	gauge := refused.WithLabelValues(v.config.What)
	switch {
	case v.report.Error == "" && reason != "":
		gauge.Inc()
	case v.report.Error != "" && reason == "":
		gauge.Dec()
	}
	v.report.Error = reason
}

func (v *Value[T]) files() []string {
	if v.config.List == nil {
		return v.config.Files
	}
	return append(slices.Clone(v.config.Files), v.config.List()...)
}

// digest is over the files' names and contents and not their times: it notices atomic renames and
// swapped symbolic links alike, and the files are small.
func (v *Value[T]) digest() (sum [sha256.Size]byte) {
	hash := sha256.New()
	for _, path := range v.files() {
		raw, err := os.ReadFile(path)
		name := sha256.Sum256([]byte(path))
		hash.Write(name[:])
		content := sha256.Sum256(raw)
		hash.Write(content[:])
		if err != nil {
			hash.Write([]byte("unreadable"))
		}
	}
	hash.Sum(sum[:0])
	return sum
}
