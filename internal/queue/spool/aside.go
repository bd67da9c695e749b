package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/sqlite"
)

// Aside is what a spool's file keeps aside, as a command sees it. The process that spools may go on
// meanwhile: it sees within a second what was dropped, once its queues are quiet.
type Aside struct{ file *sqlite.SpoolFile }

// SetAside is an event that the broker refused for good.
type SetAside struct {
	// Event comes without Data; Size is the length of that in bytes.
	Event *event.Event
	Size  int64
	// Groups are those whose queues do not have it.
	Groups []queue.Group
	// Reason is the broker's, at At.
	Reason string
	At     time.Time
}

// OpenAside opens a spool's file for a command. One that is not there is an error and is not made.
func OpenAside(ctx context.Context, path string) (*Aside, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no spool %s", path)
	}
	file, err := sqlite.OpenSpool(ctx, sqlite.Config{Path: path, Guest: true})
	if err != nil {
		return nil, err
	}
	return &Aside{file}, nil
}

// Close closes the file.
func (a *Aside) Close() error { return a.file.Close() }

// AsideFilter chooses events that are kept aside. Empty fields do not filter.
type AsideFilter struct{ ID, Bot string }

func (f AsideFilter) matches(e *event.Event) bool {
	return (f.ID == "" || f.ID == e.ID) && (f.Bot == "" || f.Bot == e.Bot)
}

// letters are what a filter chooses: one for each group of an event.
func (a *Aside) letters(ctx context.Context, filter AsideFilter) ([]sqlite.DeadLetter, error) {
	all, err := a.file.DeadLetters(ctx)
	return slices.DeleteFunc(all, func(l sqlite.DeadLetter) bool { return !filter.matches(l.Event) }), err
}

// List returns what is kept aside and chosen by the filter, in the order of acceptance.
func (a *Aside) List(ctx context.Context, filter AsideFilter) (list []*SetAside, err error) {
	letters, err := a.letters(ctx, filter)
	return joinLetters(letters), err
}

// joinLetters joins those of one event, which follow each other.
func joinLetters(letters []sqlite.DeadLetter) (list []*SetAside) {
	for _, l := range letters {
		if n := len(list); n > 0 && list[n-1].Event.ID == l.Event.ID {
			list[n-1].Groups = append(list[n-1].Groups, l.Group)
			continue
		}
		list = append(list, &SetAside{
			Event: l.Event, Size: l.Size, Groups: []queue.Group{l.Group}, Reason: l.Reason, At: l.At,
		})
	}
	return list
}

// Drop deletes what is kept aside and chosen by the filter, for good, and returns how many events these were.
func (a *Aside) Drop(ctx context.Context, filter AsideFilter) (int, error) {
	letters, err := a.letters(ctx, filter)
	if err != nil {
		return 0, err
	}
	if err := a.file.DropDead(ctx, letters...); err != nil {
		return 0, err
	}
	return len(joinLetters(letters)), nil
}
