package pull

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// Path is below where a process answers others about its ledger.
	Path = "/internal/pull/"
	// processHeader names the process that is meant: at the address may be another one.
	processHeader = "X-Botgate-Process"
	// maxPeerAnswer bounds what a peer answers: the bodies of one answer, in base64, or a single event, and then some.
	maxPeerAnswer = 256 << 20
)

// question is what a process asks of another one's ledger.
type question struct {
	Types       Types         `json:"types,omitempty"`
	Wait        time.Duration `json:"wait,omitempty"`
	Ask         Ask           `json:"ask"`
	Settlements []Settlement  `json:"settlements,omitempty"`
}

// reply is the answer, or why there is none.
type reply struct {
	Ready    bool              `json:"ready,omitempty"`
	Events   []json.RawMessage `json:"events,omitempty"`
	Statuses []Status          `json:"statuses,omitempty"`
	// Refused is ErrUnknownBot or ErrPushed, by its text.
	Refused string `json:"refused,omitempty"`
}

var _ Owner = (*peer)(nil)

// peer is the ledger of another process.
type peer struct {
	process, address string
	client           *http.Client
	// secret is shown to it; empty for none.
	secret func() string
	failed func(error)
}

// Await implements [Owner].
func (p *peer) Await(ctx context.Context, bot string, types Types) error {
	q := question{Types: types, Wait: round}
	if until, ok := ctx.Deadline(); ok {
		q.Wait = max(0, time.Until(until))
	}
	r, err := p.ask(ctx, bot, "await", q)
	if err == nil && !r.Ready {
		err = context.DeadlineExceeded
	}
	return err
}

// Lease implements [Owner].
func (p *peer) Lease(ctx context.Context, bot string, ask Ask) ([]json.RawMessage, error) {
	r, err := p.ask(ctx, bot, "lease", question{Ask: ask})
	return r.Events, err
}

// Settle implements [Owner].
func (p *peer) Settle(ctx context.Context, bot string, settlements []Settlement) ([]Status, error) {
	r, err := p.ask(ctx, bot, "settle", question{Settlements: settlements})
	if err == nil && len(r.Statuses) != len(settlements) {
		err = fmt.Errorf("%w: it answered with %d statuses for %d", ErrUnavailable, len(r.Statuses), len(settlements))
	}
	return r.Statuses, err
}

// ask makes a request. Errors are those of [Owner].
func (p *peer) ask(ctx context.Context, bot, what string, q question) (r reply, err error) {
	body, err := json.Marshal(q)
	if err != nil {
		return r, err
	}
	switch err = p.post(ctx, Path+url.PathEscape(bot)+"/"+what, body, &r); {
	case ctx.Err() != nil:
		return r, ctx.Err()
	case err != nil:
		p.failed(fmt.Errorf("asking %s: %w", p.address, err))
		return r, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case r.Refused == ErrPushed.Error():
		return r, ErrPushed
	case r.Refused != "":
		return r, ErrUnknownBot
	}
	return r, nil
}

func (p *peer) post(ctx context.Context, path string, body []byte, r *reply) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.address+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(processHeader, p.process)
	if secret := p.secret(); secret != "" {
		request.Header.Set("Authorization", "Bearer "+secret)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return statusError(response.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxPeerAnswer)).Decode(r); err != nil {
		return fmt.Errorf("reading its answer: %w", err)
	}
	return nil
}

// statusError says what an operator can do about a status.
func statusError(status int) error {
	switch status {
	case http.StatusMisdirectedRequest:
		return errors.New("another process answers there: BOTGATE_ADVERTISE must be an address of that process alone")
	case http.StatusForbidden:
		return errors.New("it refuses this process: both need the same BOTGATE_API_SECRET_FILE")
	}
	return fmt.Errorf("it answered %d", status)
}
