package store

import "time"

// UserQuery asks for what is known about a user.
type UserQuery struct {
	// Subject is the user. Required.
	Subject string
	// Bot restricts the answer to one bot; empty for all of them.
	Bot string
	// At asks for what was so at a time, which is found out from the log; zero for now.
	At time.Time
}

// User is the read model of a user: what there is in the log about their events.
type User struct {
	Subject string
	// Bots has an element for each bot that the user has events of, by name.
	Bots []UserBot
}

// UserBot is a user at one bot.
type UserBot struct {
	Bot    string
	Counts Counts
	// First and Last are the times of the first and the last event.
	First, Last time.Time
}

// StatsQuery asks for the statistics of bots.
type StatsQuery struct {
	// Bot restricts the answer to one bot; empty for the sum of all.
	Bot string
	// From and To are the range, From included and To not; whole minutes count.
	From, To time.Time
}

// Minute is what happened within a minute.
type Minute struct {
	Minute time.Time
	Counts Counts
	// Duration is how long the attempts of the minute took together.
	Duration time.Duration
}

// MaxMinutes is the longest answer to a StatsQuery; what is later in its range is left out.
const MaxMinutes = 7 * 24 * 60

// LogPosition is a place in the log in the order of recording. Entries that are recorded at
// the same time are sorted by id. While a transaction is under way, entries may still
// appear before a position of the last seconds; see [LogSettled].
type LogPosition struct {
	RecordedAt time.Time
	ID         string
}

// LogSettled is after which time nothing more appears before a position: no transaction
// of Append takes longer.
const LogSettled = 30 * time.Second

// LogQuery chooses entries of the log. Empty fields do not filter.
type LogQuery struct {
	Bot, Subject string
	// Type is that of the event: its changes match too.
	Type string
	// After begins behind a position. The zero position is the beginning.
	After LogPosition
	// Limit is how many entries are returned at most, from 1 to MaxLogLimit.
	Limit int
	// Bodies asks for the bodies of events too; without it Data is nil. Changes always
	// have theirs.
	Bodies bool
}

// MaxLogLimit is the largest page of a log.
const MaxLogLimit = 1000
