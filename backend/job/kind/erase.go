package kind

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// EraseStore is what such a job asks of the store.
type EraseStore interface {
	User(ctx context.Context, q store.UserQuery) (*store.User, error)
	Erase(ctx context.Context, subject string, before time.Time, erased func(events int64) error) (events int64, err error)
}

// Erase takes the events of a user out of the log that were accepted before it was asked for. All else that is kept of
// the user is gone by then.
type Erase struct {
	// Store has the events. Required where jobs are worked on.
	Store EraseStore
	// Forget drops the user and, without ids, all events from the caches of this process; nil where it has none.
	Forget func(ctx context.Context, user string, ids []string)
}

var _ job.Discreet = Erase{}

type eraseParameters struct {
	User string `json:"user"`
}

// erasedParameters are what is left of them.
type erasedParameters struct {
	UserHash string `json:"user_hash"`
}

type eraseResult struct {
	Events int64 `json:"events"`
}

// Prepare implements [job.Kind].
func (k Erase) Prepare(given []byte, bot string) ([]byte, error) {
	if bot != "" {
		return nil, job.ErrForbidden
	}
	var p eraseParameters
	const help = "An erasure has the member user."
	if err := decode(given, &p, help); err != nil {
		return nil, err
	}
	if p.User = event.NameOf(p.User); p.User == "" {
		return nil, job.BadParameter(help)
	}
	return json.Marshal(p)
}

// Redact implements [job.Discreet]: the hash is the one of the audit.
func (k Erase) Redact(parameters []byte) ([]byte, error) {
	var p eraseParameters
	if err := json.Unmarshal(parameters, &p); err != nil {
		return nil, fmt.Errorf("reading the parameters: %w", err)
	}
	return json.Marshal(erasedParameters{hex.EncodeToString(store.HashSubject(p.User))})
}

// Run implements [job.Kind]: a transaction of the store is a step. A worker that ends between the two leaves a step that
// is done and not counted.
func (k Erase) Run(ctx context.Context, r *job.Run) (any, error) {
	j := r.Job()
	var p eraseParameters
	if err := j.Decode(&p, &struct{}{}); err != nil {
		return nil, err
	}
	progress := job.Progress{Done: j.Done, Total: j.Total, Checkpoint: struct{}{}}
	if j.Checkpoint == "" {
		total, err := k.count(ctx, p.User)
		if err != nil {
			return nil, temporary(err)
		}
		progress.Total = total
	}
	if k.Forget != nil {
		// Last, since a request that read an event before it was erased may have cached it meanwhile.
		defer func() { k.Forget(context.WithoutCancel(ctx), p.User, nil) }()
	}
	_, err := k.Store.Erase(ctx, p.User, j.CreatedAt, func(events int64) error {
		progress.Done += events
		progress.Total = max(progress.Total, progress.Done)
		return r.Save(ctx, progress)
	})
	if err != nil {
		return nil, temporary(err)
	}
	return eraseResult{progress.Done}, nil
}

// count returns how many events of the user there are.
func (k Erase) count(ctx context.Context, user string) (events int64, err error) {
	found, err := k.Store.User(store.Fresh(ctx), store.UserQuery{Subject: user})
	if err != nil {
		return 0, fmt.Errorf("counting a user's events: %w", err)
	}
	for _, b := range found.Bots {
		events += b.Counts.Accepted
	}
	return events, nil
}
