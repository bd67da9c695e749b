package api

import (
	"context"
	"net/http"
	"time"

	"github.com/botgate/botgate/internal/report"
)

// System is what an operator may want to know of the process.
type System struct {
	// Version is that of the program, and Instance the name of the process in logs.
	Version, Instance string
	// Roles are those of the process, and Shards the parts of the database.
	Roles, Shards []string
	// StartedAt is when it started.
	StartedAt time.Time
	// Retention is how long events are kept; 0 for ever.
	Retention time.Duration
	// Health says how the parts of the process do: "ready", "degraded" or "not ready", each by its name, and what is known
	// of those that are degraded. Required.
	Health func(ctx context.Context) (status string, checks, details map[string]string)
}

// processView is a process of the installation.
type processView struct {
	report.Process

	Instance string    `json:"instance"`
	SeenAt   time.Time `json:"seen_at"`
}

// processes are those that reported lately; null where they are not known.
func (a *API) processes(ctx context.Context) []processView {
	if a.cfg.Refusals == nil {
		return nil
	}
	found, err := a.cfg.Refusals.Processes(ctx)
	if err != nil { // The rest is known all the same: it says what is wrong.
		a.cfg.Logger.DebugContext(ctx, "processes are not known", "error", err)
		return nil
	}
	views := make([]processView, len(found))
	for i, p := range found {
		views[i] = processView(p)
	}
	return views
}

// systemView is this process, and the others.
type systemView struct {
	Version          string            `json:"version"`
	Instance         string            `json:"instance"`
	Roles            []string          `json:"roles"`
	Shards           []string          `json:"shards"`
	StartedAt        time.Time         `json:"started_at"`
	RetentionSeconds int64             `json:"retention_seconds"`
	Status           string            `json:"status"`
	Checks           map[string]string `json:"checks"`
	Details          map[string]string `json:"details"`
	Processes        []processView     `json:"processes"`
}

// getSystem answers GET /v1/system, which is for those who see all bots.
func (a *API) getSystem(w *response, r *http.Request, c caller) error {
	if c.bot != "" {
		return otherBot
	}
	if err := (parameters{}).read(r); err != nil {
		return err
	}
	s := a.cfg.System
	status, checks, details := s.Health(r.Context())
	return w.send(http.StatusOK, systemView{
		s.Version, s.Instance, s.Roles, s.Shards, s.StartedAt.UTC().Truncate(time.Second), int64(s.Retention.Seconds()), status, checks, details,
		a.processes(r.Context()),
	})
}
