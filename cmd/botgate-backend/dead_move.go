package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/deadletter"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/sharded"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// lookEvery is the pause between two looks at a job.
	lookEvery = 200 * time.Millisecond
	// takeWait bounds how long a job may wait for a process that works on it.
	takeWait = time.Minute
)

// move submits a job and follows it until it is over.
func (d *deadRun) move(kind string) deadWork {
	return func(cmd *cobra.Command, s *sharded.Store, ids []string) error {
		m := deadletter.Move{Filter: d.filter, All: d.all}
		if cmd.Flags().Changed("rate") {
			m.Rate = &d.rate
		}
		var failures []error
		for _, id := range ids {
			switch _, err := findDead(cmd.Context(), s, id); {
			case err == nil:
				m.IDs = append(m.IDs, id)
			case errors.Is(err, store.ErrNotFound):
				failures = append(failures, err)
			default:
				return err
			}
		}
		if len(ids) > 0 && len(m.IDs) == 0 {
			return errors.Join(failures...)
		}
		return errors.Join(append(failures, submit(cmd, s, kind, m))...)
	}
}

func submit(cmd *cobra.Command, s *sharded.Store, kind string, m deadletter.Move) error {
	jobs, err := app.VisitJobs(cmd.Context(), s, warnings(cmd))
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding the job: %w", err)
	}
	made, _, err := jobs.Submit(cmd.Context(), job.Request{Kind: kind, Parameters: encoded})
	if err != nil {
		return err
	}
	done, err := follow(cmd, jobs, made.ID)
	if err != nil {
		return err
	}
	var result struct{ Replayed, Dropped, Skipped, Refused int64 }
	switch {
	case done.Status == job.StatusFailed:
		return fmt.Errorf("job %s: %s", done.ID, cmp.Or(done.Error, "it failed; the log of the role jobs says why"))
	case done.Status != job.StatusDone:
		return fmt.Errorf("job %s: %s", done.ID, done.Status)
	}
	if err := json.Unmarshal(done.Result, &result); err != nil {
		return fmt.Errorf("job %s: reading its result: %w", done.ID, err)
	}
	if kind == deadletter.DropJob {
		fmt.Fprintf(cmd.OutOrStdout(), "dropped %d\n", result.Dropped)
	} else {
		fmt.Fprintf(cmd.OutOrStdout(), "replayed %d\n", result.Replayed)
	}
	if result.Skipped+result.Refused > 0 {
		return fmt.Errorf("%d were no dead letters any more, and the queue refused %d", result.Skipped, result.Refused)
	}
	return nil
}

// follow waits until a job is over, and reports how far it is. Interrupted, it leaves the job to go on.
func follow(cmd *cobra.Command, jobs *job.Jobs, id string) (*job.Job, error) {
	cmd.PrintErrf("job %s\n", id)
	ctx, submitted, reported := cmd.Context(), time.Now(), time.Now()
	for {
		j, err := jobs.Get(context.WithoutCancel(ctx), id, "")
		switch {
		case err != nil:
			return nil, fmt.Errorf("job %s goes on: %w", id, err)
		case j.Status.Final():
			return j, nil
		case j.Status == job.StatusQueued && j.Done == 0 && time.Since(submitted) > takeWait:
			return nil, fmt.Errorf("job %s waits: no backend with the role jobs took it yet; start one, or look at GET /v1/jobs/%s", id, id)
		case time.Since(reported) >= progressEvery:
			reported = time.Now()
			cmd.PrintErrf("%d of %d done\n", j.Done, j.Total)
		}
		if !retry.Sleep(ctx, lookEvery) {
			return nil, fmt.Errorf("interrupted; job %s goes on, and DELETE /v1/jobs/%s ends it", id, id)
		}
	}
}
