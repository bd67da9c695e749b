// Package share decides which of several processes consumes which queue. They all work it out
// alike, from what they announce to each other, and no one leads. It knows no broker and no clock:
// that only one process at a time gets what is in a queue is the single active consumer's work.
package share

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
)

// Member is a process that consumes queues.
type Member struct {
	ID string
	// Queues are the names of those that it can consume.
	Queues []string
}

// Places says who consumes a queue.
type Places struct {
	// Owner is the member that works on it.
	Owner string
	// Backup waits for the owner's end. It is the next owner then. Empty where nobody else can.
	Backup string
}

// Assign gives each queue its places: a pure function of the members. Queues of one kind, which is
// the part of the name before the first dot, are spread evenly: where all members can consume them,
// the numbers of those that they own differ by one at most. So are those that only differ in a
// number at the end, as far as that allows. Few queues move when a member joins or leaves.
func Assign(members []Member) map[string]Places {
	kinds := map[string][]candidate{}
	for _, m := range members {
		for _, name := range m.Queues {
			kind, _, _ := strings.Cut(name, ".")
			kinds[kind] = append(kinds[kind], candidate{m.ID, name, series(name), weight(m.ID, name)})
		}
	}
	all := map[string]Places{}
	for _, candidates := range kinds {
		slices.SortFunc(candidates, inTurn(candidates))
		owners := assign(candidates, "")
		for _, gone := range distinct(candidates, memberOf) {
			backups := assign(candidates, gone)
			for name, owner := range owners {
				if owner == gone {
					all[name] = Places{Owner: owner, Backup: backups[name]}
				}
			}
		}
	}
	return all
}

// candidate is a member that can consume a queue. That with the largest weight gets it, unless it has
// its share (rendezvous hashing with a bound).
type candidate struct {
	member, queue string
	series        string
	weight        uint64
}

// inTurn is the order in which candidates are considered: first those for queues that few members can
// consume, then for the longest series, while there is room for them everywhere; among those the
// largest weight.
func inTurn(candidates []candidate) func(a, b candidate) int {
	able, length := map[string]int{}, map[string]int{}
	for _, c := range candidates {
		if able[c.queue]++; able[c.queue] == 1 {
			length[c.series]++
		}
	}
	return func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(able[a.queue], able[b.queue]), cmp.Compare(length[b.series], length[a.series]),
			cmp.Compare(b.weight, a.weight), cmp.Compare(a.queue, b.queue), cmp.Compare(a.member, b.member),
		)
	}
}

func memberOf(c candidate) string { return c.member }
func queueOf(c candidate) string  { return c.queue }

func weight(member, queue string) uint64 {
	sum := sha256.Sum256([]byte(member + "\x00" + queue))
	return binary.BigEndian.Uint64(sum[:])
}

// assign chooses owners as if a member were not there. First nobody gets more than a share of the
// queues of a series, then that is given up. Where not all members can consume all queues, the rest
// goes to whoever of those that can has the fewest.
func assign(candidates []candidate, without string) (owners map[string]string) {
	if without != "" {
		candidates = slices.DeleteFunc(slices.Clone(candidates), func(c candidate) bool { return c.member == without })
	}
	a := newAssignment(candidates)
	for _, fits := range []func(candidate) bool{a.fitsSeries, a.hasRoom} {
		for _, c := range candidates {
			if a.owners[c.queue] == "" && fits(c) {
				a.give(c)
			}
		}
	}
	for _, c := range candidates {
		if a.owners[c.queue] == "" {
			a.give(a.fewest(candidates, c.queue))
		}
	}
	return a.owners
}

// assignment is what was given to whom so far.
type assignment struct {
	owners   map[string]string // By queue.
	owned    map[string]int    // By member.
	together map[part]int
	most     map[string]int // Of a series, to one member.
	floor    int            // Of all queues, to each member.
	extra    int            // How many members may have one more.
}

// part is what a member has of a series.
type part struct{ member, series string }

func newAssignment(candidates []candidate) *assignment {
	a := &assignment{
		owners: map[string]string{}, owned: map[string]int{}, together: map[part]int{}, most: map[string]int{},
	}
	members := max(1, len(distinct(candidates, memberOf)))
	queues := distinct(candidates, queueOf)
	a.floor, a.extra = len(queues)/members, len(queues)%members
	for _, name := range queues {
		a.most[series(name)]++
	}
	for name, n := range a.most {
		a.most[name] = (n + members - 1) / members
	}
	return a
}

func (a *assignment) hasRoom(c candidate) bool {
	n := a.owned[c.member]
	return n < a.floor || n == a.floor && a.extra > 0
}

func (a *assignment) fitsSeries(c candidate) bool {
	return a.hasRoom(c) && a.together[part{c.member, c.series}] < a.most[c.series]
}

// fewest is the candidate for a queue that has the fewest.
func (a *assignment) fewest(candidates []candidate, queue string) (best candidate) {
	for _, c := range candidates {
		if c.queue == queue && (best.queue == "" || a.owned[c.member] < a.owned[best.member]) {
			best = c
		}
	}
	return best
}

func (a *assignment) give(c candidate) {
	if a.owned[c.member] == a.floor {
		a.extra--
	}
	a.owners[c.queue] = c.member
	a.owned[c.member]++
	a.together[part{c.member, c.series}]++
}

// series is what queues have in common that differ in a number at the end only.
func series(name string) string {
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		if _, err := strconv.Atoi(name[dot+1:]); err == nil {
			return name[:dot]
		}
	}
	return name
}

func distinct(candidates []candidate, of func(candidate) string) []string {
	all := make([]string, len(candidates))
	for n, c := range candidates {
		all[n] = of(c)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
