package share

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Config has the times of a [View].
type Config struct {
	// Timeout is after how long a member that was not heard of is gone.
	Timeout time.Duration
	// Settle is for how long the members must have been the same before queues move.
	Settle time.Duration
	// Rest is for how long a member does not hand over a queue again that it has handed over.
	Rest time.Duration
}

// Announcement is what a member says of itself to all, again and again, and when it changes.
type Announcement struct {
	ID string `json:"id"`
	// Queues are those that it can consume, Attached those that it does, and Resting those of them
	// that it has handed over of late, and might work on again since the owner ended.
	Queues   []string `json:"queues"`
	Attached []string `json:"attached"`
	Resting  []string `json:"resting,omitempty"`
	// Bye is said at the end.
	Bye bool `json:"bye,omitempty"`
}

// View is what one member knows of the others and of itself. It is not safe for concurrent use.
type View struct {
	cfg    Config
	self   Member
	own    map[string]*attachment
	others map[string]*other

	// changed is when the members last were others than before.
	changed time.Time
	// present are the members that there are now, sure those of them that are no suspects, and settled
	// those that queues go by.
	present, sure, settled circle
	// epoch counts those by whom queues went.
	epoch int
}

// attachment is how this member consumes a queue.
type attachment struct {
	attached bool
	role     Role      // As what it was attached.
	active   time.Time // When something was delivered first, so that it is the active consumer.
	mine     bool      // It was the owner, or worked in the place of one that had ended.
	left     time.Time // When it last handed over what was its own.
	passed   int       // The epoch in which it last passed on what came to it by chance.
}

// other is another member.
type other struct {
	Member
	heard             time.Time
	attached, resting map[string]bool
	// suspect is whether it seems to have ended: a queue of its own came to this member since it was
	// heard of.
	suspect bool
}

// circle is who there is, and what follows from that.
type circle struct {
	members []Member // By their ids.
	places  map[string]Places
}

func newCircle(members []Member) circle { return circle{members, Assign(members)} }

func (c circle) equal(members []Member) bool {
	return slices.EqualFunc(c.members, members, func(a, b Member) bool {
		return a.ID == b.ID && slices.Equal(a.Queues, b.Queues)
	})
}

// NewView is the view of a member that has not heard of others: it consumes everything.
func NewView(cfg Config, id string, queues []string, now time.Time) *View {
	v := &View{
		cfg: cfg, self: Member{id, slices.Sorted(slices.Values(queues))}, changed: now, epoch: 1,
		own: map[string]*attachment{}, others: map[string]*other{},
	}
	for _, name := range queues {
		v.own[name] = &attachment{}
	}
	v.present = newCircle([]Member{v.self})
	v.sure, v.settled = v.present, v.present
	return v
}

// SetQueues changes the queues that this member can consume. Those of others go on meanwhile.
func (v *View) SetQueues(queues []string, now time.Time) {
	v.self.Queues = slices.Sorted(slices.Values(queues))
	own := make(map[string]*attachment, len(queues))
	for _, name := range queues {
		if own[name] = v.own[name]; own[name] == nil {
			own[name] = &attachment{}
		}
	}
	v.own = own
	v.look(now)
}

// Hear takes an announcement. It reports whether the others should hear of this member at once.
func (v *View) Hear(a Announcement, now time.Time) (answer bool) {
	if a.ID == v.self.ID || a.ID == "" {
		return false
	}
	_, known := v.others[a.ID]
	if a.Bye {
		delete(v.others, a.ID)
	} else {
		slices.Sort(a.Queues)
		v.others[a.ID] = &other{
			Member: Member{a.ID, a.Queues}, heard: now, attached: set(a.Attached), resting: set(a.Resting),
		}
	}
	v.look(now)
	return !known && !a.Bye
}

func set(names []string) map[string]bool {
	all := make(map[string]bool, len(names))
	for _, name := range names {
		all[name] = true
	}
	return all
}

// look finds out who is present.
func (v *View) look(now time.Time) {
	maps.DeleteFunc(v.others, func(_ string, o *other) bool { return now.Sub(o.heard) >= v.cfg.Timeout })
	if members := v.members(func(*other) bool { return true }); !v.present.equal(members) {
		v.present, v.changed = newCircle(members), now
	}
	switch sure := v.members(func(o *other) bool { return !o.suspect }); {
	case v.present.equal(sure):
		v.sure = v.present
	case !v.sure.equal(sure):
		v.sure = newCircle(sure)
	}
}

// members are this one and those of the others that count, by their ids.
func (v *View) members(counts func(*other) bool) []Member {
	members := []Member{v.self}
	for _, o := range v.others {
		if counts(o) {
			members = append(members, o.Member)
		}
	}
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	return members
}

// Attached notes that a queue is consumed, and as what.
func (v *View) Attached(name string, role Role) {
	a, mine := v.own[name]
	if !mine {
		return
	}
	a.attached, a.role, a.active, a.mine = true, role, time.Time{}, false
}

// Delivered notes that the broker delivers to this member: it is the active consumer of the queue. Its
// owner may have ended then.
func (v *View) Delivered(name string, now time.Time) {
	a, mine := v.own[name]
	if !mine || !a.active.IsZero() {
		return
	}
	a.active = now
	if owner := v.others[v.settled.places[name].Owner]; owner != nil && owner.attached[name] {
		owner.suspect = true
	}
}

// Detached notes that a queue is consumed no more, and whether that was to leave it to its owner. It
// reports whether the queue moved thereby, rather than that a consumer ended which only waited.
func (v *View) Detached(name string, left bool, now time.Time) (moved bool) {
	a, mine := v.own[name]
	if !mine {
		return false
	}
	moved = left && !a.active.IsZero()
	switch {
	case moved && a.mine:
		a.left = now
	case moved:
		a.passed = v.epoch
	}
	a.attached, a.active = false, time.Time{}
	return moved
}

// Say is what to announce.
func (v *View) Say(now time.Time) Announcement {
	said := Announcement{ID: v.self.ID, Queues: v.self.Queues}
	for _, name := range v.self.Queues {
		a := v.own[name]
		if !a.attached {
			continue
		}
		said.Attached = append(said.Attached, name)
		if v.rests(a, now) {
			said.Resting = append(said.Resting, name)
		}
	}
	return said
}
