// Package smoke sends one event through a running Botgate and follows it until its bot has answered.
package smoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Config says which gateway is tried, and as whom.
type Config struct {
	// URL is the gateway's address without a path, such as https://bots.example.
	URL string
	// Bot is the bot that gets the event.
	Bot string
	// Token is a bearer token with the scopes commands:write and events:read. Without one no event is sent, and only
	// what needs no token is checked.
	Token string
	// EraseToken is a token with the scope events:admin, by which the event's user is erased at the end.
	EraseToken string
	// AcceptWithin is how long the answer to the event may take.
	AcceptWithin time.Duration
	// Timeout bounds each step, and each waits that long for what is to happen.
	Timeout time.Duration
	// Answered says whether an event got to the one who runs this; nil where nobody here is the bot.
	Answered func(id string) bool
	// Metrics are addresses of metrics of processes, which have to say their version.
	Metrics []string
	// Version is the version that they have to have; empty: any, and all the same.
	Version string
	// Out gets a line for each step.
	Out io.Writer
}

// step is one thing that is checked. Its check returns what it found; its error names the option to change.
type step struct {
	name  string
	check func(context.Context) (found string, err error)
}

// run is one smoke test.
type run struct {
	Config
	client *http.Client
	// sent is the event that is followed.
	sent event
}

// Run checks one step after the other and prints a line for each. It ends at the first that fails, with its error.
func Run(ctx context.Context, c Config) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	r := &run{Config: c, client: &http.Client{
		Transport: transport,
		// An answer elsewhere is not the gateway's.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	r.URL = strings.TrimRight(r.URL, "/")
	for _, s := range r.steps() {
		if err := r.take(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) steps() []step {
	steps := []step{{"ready", r.ready}}
	for _, address := range r.Metrics {
		steps = append(steps, step{"version", func(ctx context.Context) (string, error) { return r.version(ctx, address) }})
	}
	steps = append(steps, step{"refused", r.refused})
	if r.Token == "" {
		return steps
	}
	steps = append(steps, step{"accepted", r.accepted}, step{"repeated", r.repeated}, step{"recorded", r.recorded}, step{"delivered", r.delivered})
	if r.Answered != nil {
		steps = append(steps, step{"answered", r.answered})
	}
	if r.EraseToken != "" {
		steps = append(steps, step{"erased", r.erased})
	}
	return steps
}

// take checks one step, within its bound, and prints what it found and how long that took.
func (r *run) take(ctx context.Context, s step) error {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	start := time.Now()
	found, err := s.check(ctx)
	took := time.Since(start).Round(time.Millisecond)
	if err != nil {
		fmt.Fprintf(r.Out, "FAILED  %-9s  %7s\n", s.name, took)
		if r.sent.id != "" {
			err = fmt.Errorf("%w (event %s, request %s)", err, r.sent.id, r.sent.request)
		}
		return fmt.Errorf("%s: %w", s.name, err)
	}
	fmt.Fprintf(r.Out, "ok      %-9s  %7s  %s\n", s.name, took, found)
	return nil
}

// errNot is what a step waits for that has not happened yet.
var errNot = errors.New("not yet")
