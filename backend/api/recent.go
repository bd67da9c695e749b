package api

import "time"

// maxRecent bounds how many entries a stream remembers.
const maxRecent = 1 << 16

// recent are the entries that a stream sent, by their cursors, with their times of
// recording: as far back as the log is read again. Of a flood the rest is not remembered,
// and may be sent twice.
type recent map[string]time.Time

// add reports whether the entry was not there yet.
func (r recent) add(cursor string, recorded time.Time) bool {
	if _, there := r[cursor]; there {
		return false
	}
	if len(r) < maxRecent {
		r[cursor] = recorded
	}
	return true
}

// forget removes what was recorded before a time.
func (r recent) forget(before time.Time) {
	for cursor, recorded := range r {
		if recorded.Before(before) {
			delete(r, cursor)
		}
	}
}
