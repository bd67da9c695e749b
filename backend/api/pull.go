package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
)

// maxPullBody bounds what a poller says: receipts, each with an answer.
const maxPullBody = 4 << 20

// Pull is what the API asks of those who have the events of bots that pull. Errors are those of the package pull.
type Pull interface {
	Receive(ctx context.Context, bot string, r pull.Request) (events []json.RawMessage, settled []pull.Result, err error)
	Settle(ctx context.Context, bot string, settlements []pull.Settlement) ([]pull.Result, error)
}

var (
	noPull = problem.New(http.StatusConflict, "no-pull", "Bots can't ask for their events here.").
		WithDetail("Other processes may deliver, which are found through Redis, and there is none: set BOTGATE_REDIS_URL.")
	notPull = problem.New(http.StatusConflict, "not-pull", "The bot does not ask for its events.").
		WithDetail(`They are sent to its url; "pull": true in the bots file takes its place.`)
)

// receiveBody is a request for events. Durations are texts like 20s.
type receiveBody struct {
	Max    int              `json:"max"`
	Wait   *string          `json:"wait"`
	Lease  string           `json:"lease"`
	Types  pull.Types       `json:"types"`
	Settle []settlementBody `json:"settle"`
}

type settlementBody struct {
	Receipt  string       `json:"receipt"`
	Outcome  pull.Outcome `json:"outcome"`
	After    *string      `json:"after"`
	Lease    string       `json:"lease"`
	Progress *int         `json:"progress"`
	Answer   *answerBody  `json:"answer"`
}

// answerBody is what the bot said: text, or any bytes.
type answerBody struct {
	ContentType string `json:"content_type"`
	Body        string `json:"body"`
	BodyBase64  []byte `json:"body_base64"`
}

// receive answers POST /v1/bots/{bot}/receive.
func (a *API) receive(w *response, r *http.Request, c caller) error {
	var body receiveBody
	bot, err := a.readPull(w, r, c, &body)
	if err != nil {
		return err
	}
	request, err := body.request()
	if err != nil {
		return problem.Malformed.WithDetail("%s.", err)
	}
	w.extend(pull.MaxWait + 3*a.cfg.Timeout + writeMargin) // The server's timeouts are shorter.
	defer a.metrics.hold(w.route)()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.closing, cancel)() //nolint:contextcheck // The end of the process ends it, too.
	events, settled, err := a.cfg.Pull.Receive(ctx, bot, request)
	isOver := err != nil && ctx.Err() != nil && r.Context().Err() == nil
	if err != nil && !isOver && len(settled) == 0 { // What was settled is not to be asked for again.
		return pullProblem(err)
	}
	return w.sendPulled(events, settled)
}

// settle answers POST /v1/bots/{bot}/settle.
func (a *API) settle(w *response, r *http.Request, c caller) error {
	var body struct {
		Settle []settlementBody `json:"settle"`
	}
	bot, err := a.readPull(w, r, c, &body)
	if err != nil {
		return err
	}
	settlements, err := settlementsOf(body.Settle)
	if err == nil && len(settlements) == 0 {
		err = errors.New("settle must have something to settle")
	}
	if err != nil {
		return problem.Malformed.WithDetail("%s.", err)
	}
	w.extend(3*a.cfg.Timeout + writeMargin)
	settled, err := a.cfg.Pull.Settle(r.Context(), bot, settlements)
	if err != nil {
		return pullProblem(err)
	}
	return w.send(http.StatusOK, map[string]any{"settled": settled})
}

// readPull reads a body, if there is one, and returns the bot of the path.
func (a *API) readPull(w *response, r *http.Request, c caller, into any) (string, error) {
	bot, err := botIn(r, c)
	if err == nil {
		err = (parameters{}).read(r)
	}
	switch {
	case err != nil:
		return "", err
	case a.cfg.Pull == nil:
		return "", noPull
	case r.ContentLength == 0:
		return bot, nil
	}
	raw, err := readBody(w, r, jsonType, maxPullBody)
	if err != nil {
		return "", err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if decoder.Decode(into) != nil || decoder.More() {
		return "", problem.Malformed.WithDetail("The body must be a JSON object with the members that the API's description has.")
	}
	return bot, nil
}

// request fills in the defaults. Its errors are for the client.
func (b receiveBody) request() (r pull.Request, err error) {
	r.Max, r.Types, r.Wait, r.Lease = b.Max, b.Types, pull.DefaultWait, pull.DefaultLease
	if r.Max == 0 {
		r.Max = pull.DefaultEvents
	}
	if r.Max < 0 || r.Max > pull.MaxEvents {
		return r, fmt.Errorf("max must be from 1 to %d", pull.MaxEvents)
	}
	if err := b.Types.Check(); err != nil {
		return r, err
	}
	if b.Wait != nil {
		if r.Wait, err = within("wait", *b.Wait, 0, pull.MaxWait); err != nil {
			return r, err
		}
	}
	if b.Lease != "" {
		if r.Lease, err = within("lease", b.Lease, pull.MinLease, pull.MaxLease); err != nil {
			return r, err
		}
	}
	r.Settle, err = settlementsOf(b.Settle)
	return r, err
}

func settlementsOf(bodies []settlementBody) ([]pull.Settlement, error) {
	if len(bodies) > pull.MaxSettlements {
		return nil, fmt.Errorf("settle may have %d receipts", pull.MaxSettlements)
	}
	settlements := make([]pull.Settlement, len(bodies))
	for n, b := range bodies {
		s, err := b.settlement()
		if err != nil {
			return nil, fmt.Errorf("settle, at %d: %w", n, err)
		}
		settlements[n] = s
	}
	return settlements, nil
}

func (b settlementBody) settlement() (s pull.Settlement, err error) {
	s = pull.Settlement{Receipt: b.Receipt, Outcome: b.Outcome}
	switch {
	case !slices.Contains([]pull.Outcome{pull.Ack, pull.Retry, pull.Dead, pull.Extend}, b.Outcome):
		return s, errors.New("outcome must be ack, retry, dead or extend")
	case b.After != nil && b.Outcome != pull.Retry:
		return s, errors.New("after goes with the outcome retry")
	case b.Lease != "" && b.Outcome != pull.Extend:
		return s, errors.New("lease goes with the outcome extend")
	case b.Progress != nil && (b.Outcome != pull.Extend || *b.Progress < 1 || *b.Progress > 100):
		return s, errors.New("progress is from 1 to 100, and goes with the outcome extend")
	case b.Answer != nil && b.Outcome == pull.Extend:
		return s, errors.New("answer does not go with the outcome extend")
	}
	if b.Progress != nil {
		s.Progress = *b.Progress
	}
	if b.After != nil {
		after, err := within("after", *b.After, 0, 24*time.Hour)
		if err != nil {
			return s, err
		}
		s.After = &after
	}
	if b.Lease != "" {
		if s.Lease, err = within("lease", b.Lease, pull.MinLease, pull.MaxLease); err != nil {
			return s, err
		}
	}
	if b.Answer != nil {
		said := b.Answer.BodyBase64
		if len(said) == 0 {
			said = []byte(b.Answer.Body)
		}
		s.Answer = event.NewAnswer(b.Answer.ContentType, "", said, event.AnswerRoom(b.Outcome == pull.Ack), false)
	}
	return s, nil
}

func within(name, text string, least, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		return 0, fmt.Errorf("%s must be a duration like 20s, from %s to %s", name, least, most)
	}
	return d, nil
}

// pullProblem is what a client is told.
func pullProblem(err error) error {
	switch {
	case errors.Is(err, pull.ErrUnknownBot):
		return problem.UnknownBot
	case errors.Is(err, pull.ErrPushed):
		return notPull
	case errors.Is(err, pull.ErrBusy):
		return busy
	case errors.Is(err, pull.ErrUnavailable):
		return unavailable.WithDetail("Not every process that may have events for the bot can be reached at present.")
	}
	return err
}

// sendPulled answers with events, whose bodies stay as they are.
func (w *response) sendPulled(events []json.RawMessage, settled []pull.Result) error {
	results, err := json.Marshal(append([]pull.Result{}, settled...))
	if err != nil {
		return fmt.Errorf("encoding results: %w", err)
	}
	body := append([]byte(`{"events":`), pull.List(events)...)
	body = append(append(append(body, `,"settled":`...), results...), '}')
	w.sendBytes(http.StatusOK, notKept, body)
	return nil
}

// pullView is how a bot does that pulls.
type pullView struct {
	AbsentSeconds float64 `json:"absent_seconds"`
	Leased        int     `json:"leased"`
}

// pullOf is that of a bot; nil where this process does not know.
func (a *API) pullOf(bot string) *pullView {
	if a.cfg.PullUses == nil {
		return nil
	}
	use, pulls := a.cfg.PullUses()[bot]
	if !pulls {
		return nil
	}
	return &pullView{math.Round(use.Absent.Seconds()), use.Lent}
}
