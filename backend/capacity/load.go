// Package capacity predicts what Botgate needs for a load, and what it would run out of first.
// It is arithmetic over constants that benchmarks measured; it asks nothing and starts nothing.
// The command "botgate-backend capacity" prints it.
package capacity

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Load is what Botgate is to bear, and what it is given for it. [DefaultLoad] has the defaults.
type Load struct {
	// Rate is how many events a second are accepted at the peak. Required.
	Rate float64 `json:"rate"`
	// Mean is how many events a second there are over the whole day; 0 for as many as at the peak.
	Mean float64 `json:"mean"`
	// Body is the size of an event's body in bytes. Required.
	Body int `json:"body"`
	// Attempts is how often an event is sent to its bot in the mean, at least once. Default 1.
	Attempts float64 `json:"attempts"`
	// AnswerTime is how long a bot takes to answer. Default 100 ms.
	AnswerTime time.Duration `json:"answer_time_ns"`
	// Bots is how many bots there are. Default 1.
	Bots int `json:"bots"`
	// Busiest is the share of all events that the busiest bot gets; 0 where all bots get as many.
	Busiest float64 `json:"busiest"`
	// Queues is how many queues the busiest bot has, by "queues" in the bots file. Default 1.
	Queues int `json:"queues"`
	// Reads is how many requests a second the API answers.
	Reads float64 `json:"reads"`
	// Connections is how many clients hold open to all gateways. Default 1000.
	Connections int `json:"connections"`
	// Outage is how long the queue, and then its consumers, may be away. Default 1 h.
	Outage time.Duration `json:"outage_ns"`
	// History is whether RabbitMQ keeps a history for replays.
	History bool `json:"history"`
	// Blobs is whether bodies above [Inline] are kept out of RabbitMQ. The embedded queue always does that.
	Blobs bool `json:"blobs"`

	// Embedded is whether one gateway's process has queue, database and all roles. Default: RabbitMQ, PostgreSQL,
	// Redis and processes for each role.
	Embedded bool `json:"embedded"`
	// OneMachine is whether all programs share the cores of one machine, as they always do when embedded.
	OneMachine bool `json:"one_machine"`
	// Cores is how many processors each process and each server has, or the one machine. Default 2.
	Cores float64 `json:"cores"`
	// Gateways, Dispatch, Record and API are how many processes there are; 0 for as many as are needed, and one more.
	Gateways int `json:"gateways"`
	Dispatch int `json:"dispatch"`
	Record   int `json:"record"`
	API      int `json:"api"`
	// MaxConnections is PostgreSQL's setting. Default 100, as PostgreSQL has it.
	MaxConnections int `json:"max_connections"`
	// Disk is how many bytes are free for the queues on each node of RabbitMQ, or for the embedded queue; 0 if not known.
	Disk float64 `json:"disk"`
	// Retention is how long the database keeps events. Default: a day.
	Retention time.Duration `json:"retention_ns"`
}

// DefaultLoad has the defaults; a rate and a body are still to be said.
func DefaultLoad() Load {
	return Load{
		Attempts: 1, AnswerTime: 100 * time.Millisecond, Bots: 1, Queues: 1, Connections: 1000, Outage: time.Hour,
		Cores: 2, MaxConnections: 100, Retention: 24 * time.Hour,
	}
}

// complete works out what follows from the rest.
func (l Load) complete() Load {
	if l.Mean == 0 {
		l.Mean = l.Rate
	}
	if l.Busiest == 0 {
		l.Busiest = 1 / float64(max(1, l.Bots))
	}
	l.OneMachine = l.OneMachine || l.Embedded
	l.Blobs = l.Blobs || l.Embedded
	return l
}

// bound is what a number of a load may be.
type bound struct {
	name        string
	value       float64
	least, most float64
}

// validate says what is wrong with a complete load.
func (l Load) validate() error {
	const many = 1e9
	year := 366 * 24 * time.Hour.Seconds()
	for _, b := range []bound{
		{"rate", l.Rate, 0.001, many},
		{"mean", l.Mean, 0.001, l.Rate},
		{"body", float64(l.Body), 1, maxBody},
		{"attempts", l.Attempts, 1, 1000},
		{"answer-time", l.AnswerTime.Seconds(), 0.0001, 600},
		{"bots", float64(l.Bots), 1, 100_000},
		{"busiest", l.Busiest, 1 / float64(max(1, l.Bots)), 1},
		{"queues", float64(l.Queues), 1, maxQueues},
		{"reads", l.Reads, 0, many},
		{"connections", float64(l.Connections), 1, many},
		{"outage", l.Outage.Seconds(), 1, year},
		{"cores", l.Cores, 0.1, 1024},
		{"gateways", float64(l.Gateways), 0, 1000},
		{"dispatch", float64(l.Dispatch), 0, 1000},
		{"record", float64(l.Record), 0, 1000},
		{"api", float64(l.API), 0, 1000},
		{"max-connections", float64(l.MaxConnections), 1, many},
		{"disk", l.Disk, 0, 1e18},
		{"retention", l.Retention.Seconds(), 3600, 100 * year},
	} {
		if math.IsNaN(b.value) || b.value < b.least || b.value > b.most {
			return fmt.Errorf("%s must be between %.10g and %.10g", b.name, b.least, b.most)
		}
	}
	if l.Embedded && (l.Gateways > 1 || l.Dispatch > 1 || l.Record > 1 || l.API > 1) {
		return errors.New("engine embedded is one process: the numbers of processes are for servers")
	}
	return nil
}

// queued is how many bytes of a body go through the queue.
func (l Load) queued() float64 {
	if l.Blobs && l.Body > Inline {
		return 0
	}
	return float64(l.Body)
}
