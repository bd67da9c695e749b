package kind

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/job"
)

// Maintainer is what a rebuild asks of a store; see [store.Maintainer].
type Maintainer interface {
	Days(ctx context.Context) ([]time.Time, error)
	Rebuild(ctx context.Context, day time.Time) (entries int64, err error)
}

// Rebuild makes the read models of days anew from the log.
type Rebuild struct {
	// Maintainer has the log. Required where rebuilds are worked on.
	Maintainer Maintainer
}

var _ job.Kind = Rebuild{}

// maxDays bounds the days in the parameters.
const maxDays = 10_000

type rebuildParameters struct {
	// Days are those to rebuild, as 2026-03-01, in order; none for all.
	Days []string `json:"days,omitempty"`
}

type rebuildCheckpoint struct {
	// Day is the last one that is done.
	Day string `json:"day"`
	// Entries is how many were read.
	Entries int64 `json:"entries"`
}

type rebuildResult struct {
	Days    int64 `json:"days"`
	Entries int64 `json:"entries"`
}

// Prepare implements [job.Kind].
func (k Rebuild) Prepare(given []byte, bot string) ([]byte, error) {
	if bot != "" {
		return nil, job.ErrForbidden
	}
	var p rebuildParameters
	const help = `A rebuild has the member days, a list like ["2026-03-01"]; without it, it is of all days.`
	if err := decode(given, &p, help); err != nil {
		return nil, err
	}
	if len(p.Days) > maxDays {
		return nil, job.BadParameter(help)
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
func (k Rebuild) Run(ctx context.Context, r *job.Run) (any, error) {
	j := r.Job()
	var p rebuildParameters
	var at rebuildCheckpoint
	if err := j.Decode(&p, &at); err != nil {
		return nil, err
	}
	days, err := k.days(ctx, p.Days, at.Day)
	if err != nil {
		return nil, temporary(err)
	}
	total := j.Done + int64(len(days))
	err = RebuildDays(ctx, k.Maintainer, days, func(day string, entries int64, done int) error {
		at = rebuildCheckpoint{day, at.Entries + entries}
		return r.Save(ctx, job.Progress{Done: j.Done + int64(done), Total: total, Checkpoint: at})
	})
	if err != nil {
		return nil, temporary(err)
	}
	return rebuildResult{total, at.Entries}, nil
}

// days are those of the log that were asked for, after the one that is done.
func (k Rebuild) days(ctx context.Context, wanted []string, done string) ([]time.Time, error) {
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

// RebuildDays rebuilds one day after the other and calls saved after each, with how many are
// done. It stops at the first error.
func RebuildDays(ctx context.Context, m Maintainer, days []time.Time, saved func(day string, entries int64, done int) error) error {
	for i, at := range days {
		day := at.Format(time.DateOnly)
		entries, err := m.Rebuild(ctx, at)
		if err != nil {
			return fmt.Errorf("rebuilding %s: %w", day, err)
		}
		if err := saved(day, entries, i+1); err != nil {
			return err
		}
	}
	return nil
}
