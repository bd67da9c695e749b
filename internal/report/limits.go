package report

import "time"

const (
	// MaxZones bounds [Limits.Zones].
	MaxZones = 200
	// MaxOffenders bounds [Limits.Offenders].
	MaxOffenders = 50
)

// Limits are the rate limits of a gateway, and who is refused by them.
type Limits struct {
	Zones []Zone `json:"zones"`
	// Offenders are the keys that were refused or put off most in the last minutes.
	Offenders []Offender `json:"offenders,omitempty"`
}

// Zone is a limit.
type Zone struct {
	Name string `json:"zone"`
	// Key is what is counted, with placeholders.
	Key string `json:"key"`
	// Rate is as it is configured, such as "10/s"; empty where only MaxInFlight counts.
	Rate  string `json:"rate,omitempty"`
	Burst int    `json:"burst,omitempty"`
	// Interval is the time between two requests at Rate, in seconds.
	Interval float64 `json:"interval_seconds,omitempty"`
	// MaxInFlight is how many requests of a key may be under way at once; 0 for any number.
	MaxInFlight int `json:"max_in_flight,omitempty"`
	// Plans are limits in place of Rate and Burst, by name.
	Plans []Plan `json:"plans,omitempty"`
	// Defers is set where requests above the limit are put off, and not refused.
	Defers bool `json:"defers,omitempty"`
}

// Plan is a limit that a request may have by a claim.
type Plan struct {
	Name  string `json:"plan"`
	Rate  string `json:"rate"`
	Burst int    `json:"burst"`
}

// Offender is a key of a zone.
type Offender struct {
	Zone string `json:"zone"`
	Key  string `json:"key"`
	// Refused is how often, at most.
	Refused int64     `json:"refused"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}
