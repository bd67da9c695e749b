// Package report is what gateways tell the backend of themselves, through the queue: which requests they refused.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/event"
)

const (
	// MaxCounts bounds the [Report.Counts] of a handler and reason, those of no platform and bot aside.
	MaxCounts = 32
	// MaxSamples bounds [Report.Samples].
	MaxSamples = 20
	// maxReport bounds a report as it is in the queue, in bytes.
	maxReport = 1 << 20
	// maxCount is more than a gateway can refuse within a report.
	maxCount = 1 << 40
	// bot is the name in the place of a bot's, since a report is about no bot. It goes to none.
	bot = "botgate"
)

// Report says what a gateway refused since the report before, and how it or another process does.
type Report struct {
	// ID tells it apart from all others.
	ID string `json:"-"`
	// At is when it was made, in microseconds.
	At time.Time `json:"-"`
	// Gateway is the name of the process, which need not be a gateway, as in its logs.
	Gateway string `json:"gateway"`
	// Counts are all refusals, and Samples some of them.
	Counts  []Count  `json:"counts,omitempty"`
	Samples []Sample `json:"samples,omitempty"`
	// Limits are those of the gateway as they are now; nil where nothing is said of them.
	Limits *Limits `json:"limits,omitempty"`
	// Process is about the process; nil where nothing is said of it.
	Process *Process `json:"process,omitempty"`
}

// Refusal says what was refused, in words of fixed sets and of the operator's files.
type Refusal struct {
	// Handler refused it, for a Reason.
	Handler string `json:"handler"`
	Reason  string `json:"reason"`
	// Platform is one of the configuration; empty for none.
	Platform string `json:"platform,omitempty"`
	// Bot is one that events are accepted for, which the route names; empty for none.
	Bot string `json:"bot,omitempty"`
}

// Covers reports whether a refusal is one of these. Empty fields stand for any.
func (r Refusal) Covers(other Refusal) bool {
	same := func(want, got string) bool { return want == "" || want == got }
	return same(r.Handler, other.Handler) && same(r.Reason, other.Reason) && same(r.Platform, other.Platform) && same(r.Bot, other.Bot)
}

// Count says how often that happened.
type Count struct {
	Refusal

	Count int64 `json:"count"`
	// Lumped are those among Count that had a platform or bot: there were more than [MaxCounts] of these.
	Lumped int64 `json:"lumped,omitempty"`
}

// Sample is a request that was refused. It has what the security log has: no header, query or body.
type Sample struct {
	Refusal

	// At is when it was refused, in microseconds.
	At        time.Time `json:"at"`
	RequestID string    `json:"requestid"`
	// Client is the address.
	Client string `json:"client,omitempty"`
	Method string `json:"method"`
	Path   string `json:"path"`
	// User is who was verified; empty for nobody.
	User string `json:"user,omitempty"`
}

// New makes an empty report of a gateway.
func New(gateway string) (*Report, error) {
	id, err := event.NewID("")
	if err != nil {
		return nil, err
	}
	return &Report{ID: id, At: time.Now().UTC().Truncate(time.Microsecond), Gateway: gateway}, nil
}

// Event is the report as an event for the queue, which goes to the group Record only.
func (r *Report) Event() (*event.Event, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding a report: %w", err)
	}
	return &event.Event{
		ID: r.ID, Bot: bot, Type: event.TypeReport, Time: r.At, OrderKey: r.ID, VerifiedBy: "botgate",
		ContentType: "application/json", Data: data,
	}, nil
}

var errTooLarge = errors.New("the report is too large")

// Parse reads the report out of an event for which [event.Event.IsReport] holds.
func Parse(e *event.Event) (*Report, error) {
	r := &Report{}
	if len(e.Data) > maxReport {
		return nil, errTooLarge
	}
	if err := json.Unmarshal(e.Data, r); err != nil {
		return nil, fmt.Errorf("decoding report %s: %w", e.ID, err)
	}
	tooMany := func(c Count) bool { return c.Count < 0 || c.Lumped < 0 || c.Count > maxCount || c.Lumped > c.Count }
	if r.Limits != nil && (len(r.Limits.Zones) > MaxZones || len(r.Limits.Offenders) > MaxOffenders) {
		return nil, errTooLarge
	}
	if len(r.Samples) > MaxSamples || slices.ContainsFunc(r.Counts, tooMany) {
		return nil, errTooLarge
	}
	r.ID, r.At = e.ID, e.Time
	return r, nil
}
