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

// AllRoles returns every role.
func AllRoles() []Role { return []Role{Record, Dispatch, API, Jobs} }

// ParseRoles reads a list of roles with commas or spaces between them, as the gateway's
// configuration does, so that one environment can serve both.
func ParseRoles(s string) ([]Role, error) {
	var roles []Role
	for _, name := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		role := Role(name)
		if !slices.Contains(AllRoles(), role) {
			return nil, unknownRole(role)
		}
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles, nil
}

func unknownRole(role Role) error {
	if role == "none" {
		return errors.New(`"none" belongs to the gateway, whose embedded backend it switches off; ` +
			"a backend has the roles record, dispatch, api and jobs, or some of them")
	}
	return fmt.Errorf("unknown role %q; the roles are record, dispatch, api and jobs", role)
}

// roles are a list of them in a [value].
type roles []Role

func (r *roles) Set(v string) (err error) {
	*r, err = ParseRoles(v)
	return err
}

func (r *roles) String() string {
	names := make([]string, len(*r))
	for i, role := range *r {
		names[i] = string(role)
	}
	return strings.Join(names, ",")
}

func (c Config) checkRoles() error {
	if len(c.Roles) == 0 {
		return errors.New("no role is set")
	}
	for _, role := range c.Roles {
		if !slices.Contains(AllRoles(), role) {
			return unknownRole(role)
		}
	}
	return nil
}
