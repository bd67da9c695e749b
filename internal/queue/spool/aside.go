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

// List returns what is kept aside and chosen by the filter, in the order of acceptance.
func (a *Aside) List(ctx context.Context, filter queue.DeadFilter) (list []*SetAside, err error) {
	query := queue.DeadQuery{DeadFilter: filter, Limit: queue.MaxDeadPage}
	for first := true; first || query.After != ""; first = false {
		page, err := a.file.ListDead(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, l := range page.Letters {
			list = addLetter(list, l)
		}
		query.After = page.Next
	}
	return list, nil
}

// addLetter joins those of one event, which follow each other.
func addLetter(list []*SetAside, l *queue.DeadLetter) []*SetAside {
	if n := len(list); n > 0 && list[n-1].Event.ID == l.Event.ID {
		list[n-1].Groups = append(list[n-1].Groups, l.Group)
		return list
	}
	return append(list, &SetAside{
		Event: l.Event, Size: l.Size, Groups: []queue.Group{l.Group}, Reason: l.Reason, At: l.At,
	})
}

// Drop deletes what is kept aside and chosen by the filter, for good, and returns how many events these were.
func (a *Aside) Drop(ctx context.Context, filter queue.DeadFilter) (int, error) {
	list, err := a.List(ctx, filter)
	if err != nil {
		return 0, err
	}
	query := queue.DeadQuery{DeadFilter: filter, Limit: queue.MaxDeadPage}
	for first := true; first || query.After != ""; first = false {
		result, err := a.file.DropDead(ctx, query)
		if err != nil {
			return 0, err
		}
		query.After = result.Next
	}
	left, err := a.List(ctx, filter)
	if err != nil {
		return 0, err
	}
	return len(slices.DeleteFunc(list, func(e *SetAside) bool {
		return slices.ContainsFunc(left, func(l *SetAside) bool { return l.Event.ID == e.Event.ID })
	})), nil
}
