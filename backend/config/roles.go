package config

import (
	"fmt"
	"slices"
	"strings"
)

// Role is one of the things that a backend process does; each is scaled alone.
type Role string

// The roles.
const (
	// Record writes what is on the queue to the database.
	Record Role = "record"
	// Dispatch delivers events to bots; it needs no database.
	Dispatch Role = "dispatch"
	// API answers queries about events; it needs no queue.
	API Role = "api"
)

// AllRoles returns every role.
func AllRoles() []Role { return []Role{Record, Dispatch, API} }

// ParseRoles reads a list of roles such as "record,dispatch".
func ParseRoles(s string) ([]Role, error) {
	var roles []Role
	for name := range strings.SplitSeq(s, ",") {
		role := Role(strings.TrimSpace(name))
		if !slices.Contains(AllRoles(), role) {
			return nil, unknownRole(string(role))
		}
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles, nil
}

func unknownRole(name string) error {
	return fmt.Errorf("unknown role %q; the roles are record, dispatch and api", name)
}

func roleNames(roles []Role) string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = string(role)
	}
	return strings.Join(names, ",")
}
