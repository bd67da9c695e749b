package refusals

import "github.com/botgate/botgate/internal/report"

// maxOfClient is how many samples of a kind may be of one address.
const maxOfClient = 2

// samples are at most [report.MaxSamples], of as many kinds and addresses as possible: a flood leaves room for others.
type samples struct {
	list []report.Sample
}

// place is where a sample of a refusal goes, if there is a place for it: behind the others, or in the place of one of the
// kind that has most.
func (s *samples) place(what report.Refusal, client string) (place int, ok bool) {
	of := kind{what.Handler, what.Reason}
	ofKind, last, ofClient := map[kind]int{}, map[kind]int{}, 0
	for i, other := range s.list {
		k := kind{other.Handler, other.Reason}
		ofKind[k]++
		last[k] = i
		if k == of && other.Client == client {
			ofClient++
		}
	}
	switch {
	case ofClient >= maxOfClient:
		return 0, false
	case len(s.list) < report.MaxSamples:
		return len(s.list), true
	}
	most := of
	for k, n := range ofKind {
		if n > ofKind[most] {
			most = k
		}
	}
	// Of the same kind, the first ones stay: a flood would replace them for ever.
	return last[most], ofKind[most] > ofKind[of]+1
}

func (s *samples) put(place int, one report.Sample) {
	if place == len(s.list) {
		s.list = append(s.list, one)
		return
	}
	s.list[place] = one
}
