package deadletter

// The kinds of jobs on dead letters.
const (
	ReplayJob = "dead-replay"
	DropJob   = "dead-drop"
)

// Move are the parameters of such a job. The dead letters are chosen in one of three ways.
type Move struct {
	// IDs are those of events.
	IDs    []string `json:"ids,omitempty"`
	Filter Filter   `json:"filter,omitzero"`
	// All is for those who mean all of them.
	All bool `json:"all,omitempty"`
	// Rate bounds the dead letters per second, 0 for no bound. Default: 100 for replays, no bound for
	// drops.
	Rate *int `json:"rate,omitempty"`
}

// IsChosen reports whether dead letters are chosen in one way: by ids, by a filter, or all of them.
func (m Move) IsChosen() bool {
	ways := 0
	for _, way := range []bool{len(m.IDs) > 0, m.Filter != Filter{}, m.All} {
		if way {
			ways++
		}
	}
	return ways == 1
}
