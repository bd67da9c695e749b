package reload

import (
	"maps"
	"slices"
	"strings"
)

// Differences says how what an operator named differs from before, for [Config.Apply]; empty where it doesn't.
// fields are those that differ between two of a name:
//
//	added a; removed b; changed c (url, secrets)
func Differences[V any](before, now map[string]V, fields func(before, now V) []string) string {
	var added, removed, changed, parts []string
	for _, name := range slices.Sorted(maps.Keys(now)) {
		old, known := before[name]
		if !known {
			added = append(added, name)
		} else if names := fields(old, now[name]); len(names) > 0 {
			changed = append(changed, name+" ("+strings.Join(names, ", ")+")")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, stays := now[name]; !stays {
			removed = append(removed, name)
		}
	}
	for _, part := range []struct {
		verb  string
		names []string
	}{{"added ", added}, {"removed ", removed}, {"changed ", changed}} {
		if len(part.names) > 0 {
			parts = append(parts, part.verb+strings.Join(part.names, ", "))
		}
	}
	return strings.Join(parts, "; ")
}
