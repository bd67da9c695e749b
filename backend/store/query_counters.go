package store

import "time"

// UserQuery asks for the read model of a user.
type UserQuery struct {
	// Subject is the user. Required.
	Subject string
	// Bot restricts the answer to one bot; empty for all of them.
	Bot string
	// At asks for the state as of a time, counted in the log; zero for now.
	At time.Time
}

// User is the read model of a user: the counters of their events.
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
