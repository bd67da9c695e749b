// Package rebuild is the kind of job that makes the read models of days anew from the log.
package rebuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
)

// Maintainer is what a rebuild asks of a store; see [store.Maintainer].
type Maintainer interface {
	Days(ctx context.Context) ([]time.Time, error)
	Rebuild(ctx context.Context, day time.Time) (entries int64, err error)
}

// Kind is the kind of job.
type Kind struct {
	// Maintainer has the log. Required where rebuilds are worked on.
	Maintainer Maintainer
}

var _ job.Kind = Kind{}

// maxDays bounds what is listed in the parameters.
const maxDays = 10_000

// parameters are what a rebuild is asked for with.
type parameters struct {
	// Days are those to rebuild, as 2026-03-01, in order; none for all.
	Days []string `json:"days,omitempty"`
}

// progress is the checkpoint.
type progress struct {
	// Day is the last one that is done.
	Day string `json:"day"`
	// Entries is how many were read.
	Entries int64 `json:"entries"`
}

// result is what is shown of a rebuild that is done.
type result struct {
	Days    int64 `json:"days"`
	Entries int64 `json:"entries"`
}

// Prepare implements [job.Kind].
func (k Kind) Prepare(given []byte, bot string) ([]byte, error) {
	if bot != "" {
		return nil, job.ErrForbidden
	}
	var p parameters
	if err := job.DecodeParameters(given, &p); err != nil || len(p.Days) > maxDays {
		return nil, job.BadParameter("A rebuild has the member days, a list like [\"2026-03-01\"]; without it, it is of all days.")
	}
	for _, day := range p.Days {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return nil, job.BadParameter("The member days must have days like 2026-03-01.")
		}
	}
	slices.Sort(p.Days)
	p.Days = slices.Compact(p.Days)
	return json.Marshal(p)
}

// Run implements [job.Kind]: a day is a step.
func (k Kind) Run(ctx context.Context, r *job.Run) (any, error) {
	j := r.Job()
	var p parameters
	var at progress
	if err := j.Decode(&p, &at); err != nil {
		return nil, err
	}
	days, err := k.days(ctx, p.Days, at.Day)
	if err != nil {
		return nil, explain(err)
	}
	total := j.Done + int64(len(days))
	for done, day := range days {
		entries, err := k.Maintainer.Rebuild(ctx, day)
		if err != nil {
			return nil, explain(fmt.Errorf("rebuilding %s: %w", day.Format(time.DateOnly), err))
		}
		at = progress{day.Format(time.DateOnly), at.Entries + entries}
		checkpoint, err := json.Marshal(at)
		if err != nil {
			return nil, err
		}
		err = r.Save(ctx, job.Progress{Done: j.Done + int64(done) + 1, Total: total, Checkpoint: string(checkpoint)})
		if err != nil {
			return nil, err
		}
	}
	return result{total, at.Entries}, nil
}

// days are those of the log that were asked for, behind the one that is done.
func (k Kind) days(ctx context.Context, wanted []string, done string) ([]time.Time, error) {
	days, err := k.Maintainer.Days(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for days: %w", err)
	}
	days = slices.DeleteFunc(slices.Clone(days), func(day time.Time) bool {
		name := day.UTC().Format(time.DateOnly)
		return name <= done || len(wanted) > 0 && !slices.Contains(wanted, name)
	})
	slices.SortFunc(days, time.Time.Compare)
	return days, nil
}

// explain says of an error whether it may pass.
func explain(err error) error {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		return job.Later(err)
	}
	return err
}
