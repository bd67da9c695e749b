package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/botgate/botgate/backend/deadletter"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/internal/problem"
)

// moveDead answers POST /v1/dead/replay and DELETE /v1/dead with the job that does it with what a filter matches. All
// dead letters have to be asked for explicitly.
func (a *API) moveDead(kind string) endpoint {
	return func(w *response, r *http.Request, c caller) error {
		var m deadletter.Move
		everything := ""
		p := deadFilter(&m.Filter)
		p["all"], p["rate"] = oneOf(&everything, "true", "false"), rate(&m.Rate)
		if err := p.read(r); err != nil {
			return err
		}
		if m.All = everything == "true"; m.All != (m.Filter == deadletter.Filter{}) {
			return problem.Malformed.WithDetail("Give filters, or all=true for every dead letter.")
		}
		return a.submitDead(w, r, c, kind, m)
	}
}

// moveOneDead answers POST /v1/dead/{id}/replay and DELETE /v1/dead/{id} with the job that does it.
func (a *API) moveOneDead(kind string) endpoint {
	return func(w *response, r *http.Request, c caller) error {
		if err := (parameters{}).read(r); err != nil {
			return err
		}
		record, err := a.readDead(r, c)
		if err != nil {
			return err
		}
		return a.submitDead(w, r, c, kind, deadletter.Move{IDs: []string{record.Event.ID}})
	}
}

func (a *API) submitDead(w *response, r *http.Request, c caller, kind string, m deadletter.Move) error {
	if err := c.restrict(&m.Filter.Bot); err != nil {
		return err
	}
	if m.All || len(m.IDs) > 0 {
		m.Filter.Bot = "" // The job is restricted to the caller's by itself.
	}
	key, err := jobKey(r)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding the parameters of a job: %w", err)
	}
	return a.submit(w, r, c, job.Request{Kind: kind, Parameters: encoded, Key: key})
}

// rate reads how many may go in a second.
func rate(field **int) func(name, value string) error {
	return func(name, value string) error {
		n, err := strconv.Atoi(value)
		if *field = &n; err != nil || n < 0 {
			return fmt.Errorf("%s must be a number from 0, for no bound", name)
		}
		return nil
	}
}
