package api

import (
	"context"
	"net/http"
	"time"
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

// systemView is this process. Others are not known to it.
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
	})
}
