// Package reload holds what was read from files and reads it again when one of them
// changes, so that secrets and keys can be replaced without loading a configuration.
package reload

import (
	"cmp"
	"context"
	"crypto/sha256"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/botgate/botgate/internal/background"
)

// defaultInterval is how often files are looked at.
const defaultInterval = 2 * time.Second

// Config says what is loaded, and from where.
type Config[T any] struct {
	// Files are looked at.
	Files []string
	// List returns more files to look at, so that files that come and go are noticed, too.
	// Without it and without Files the value never changes.
	List func() []string
	// Load reads and checks everything. Required.
	Load func() (T, error)
	// Interval is how often the files are looked at. Default: 2s.
	Interval time.Duration
	// Logger gets an error for each change that could not be loaded. Required.
	Logger *slog.Logger
}

// Value is what was loaded last, until Close and after it. It may be used concurrently.
type Value[T any] struct {
	*background.Tasks
	config  Config[T]
	current atomic.Pointer[T]
}

// New loads the value, and then follows its files until Close.
func New[T any](c Config[T]) (*Value[T], error) {
	c.Interval = cmp.Or(c.Interval, defaultInterval)
	v := &Value[T]{Tasks: background.New(), config: c}
	// What changes during the load is noticed at the first look.
	seen := v.digest()
	first, err := c.Load()
	if err != nil {
		return nil, err
	}
	v.current.Store(&first)
	if len(c.Files) == 0 && c.List == nil {
		return v, nil
	}
	v.Every(c.Interval, func(context.Context) {
		if digest := v.digest(); digest != seen {
			seen = digest
			v.load()
		}
	})
	return v, nil
}

// Get returns the last good value, also after Close.
func (v *Value[T]) Get() T { return *v.current.Load() }

func (v *Value[T]) load() {
	next, err := v.config.Load()
	if err != nil {
		v.config.Logger.Error("changed files could not be loaded, what they held before stays in use", slog.Any("error", err))
		return
	}
	v.current.Store(&next)
	v.config.Logger.Info("changed files were loaded", slog.Int("files", len(v.files())))
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
