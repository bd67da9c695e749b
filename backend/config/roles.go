package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Role is one of the things that a backend process does; each is scaled alone.
type Role string

// The roles.
const (
	// Record writes what is on the queue to the database.
	Record Role = "record"
	// Dispatch delivers events to bots; it needs no database.
	Dispatch Role = "dispatch"
	// API answers queries about events; it needs the queue for dead letters only.
	API Role = "api"
	// Jobs works on what takes longer than a request: exports, rebuilds, replays.
	Jobs Role = "jobs"
)

func unknownRole(role Role) error {
	if role == "none" {
		return errors.New(`"none" belongs to the gateway, whose embedded backend it switches off; ` +
			"a backend has the roles record, dispatch, api and jobs, or some of them")
	}
	return fmt.Errorf("unknown role %q; the roles are record, dispatch, api and jobs", role)
}

// roles are a list of them in a [value], with commas or spaces between, as in the gateway's
// configuration, so that one environment can serve both.
type roles []Role

func (r *roles) set(text string) error {
	*r = nil
	for _, name := range strings.FieldsFunc(text, func(c rune) bool { return c == ',' || unicode.IsSpace(c) }) {
		if !slices.Contains(*r, Role(name)) {
			*r = append(*r, Role(name))
		}
	}
	return nil
}

func (r *roles) String() string {
	names := make([]string, len(*r))
	for i, role := range *r {
		names[i] = string(role)
	}
	return strings.Join(names, ",")
}

func (c Config) checkRoles() error {
	for _, role := range c.Roles {
		switch role {
		case Record, Dispatch, API, Jobs:
		default:
			return unknownRole(role)
		}
	}
	return must(len(c.Roles) > 0, "set: a process without a role does nothing")
}
