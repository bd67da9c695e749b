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

// Role is as what a member consumes a queue.
type Role int

// The roles.
const (
	None Role = iota
	Backup
	Owner
)

// Place is what a member is to do with a queue.
type Place struct {
	Role Role
	// Leave is whether to end the subscription that there is, once nothing of it is worked on. If
	// there is a role, another one begins then.
	Leave bool
	// First is whether the broker should prefer this consumer to others, where it can.
	First bool
	// To is the owner, unless that is the member itself.
	To string
}

// View is what one member knows of the others and of itself. It is not safe for concurrent use.
type View struct {
	cfg    Config
	self   Member
	own    map[string]*attachment
	others map[string]*other

	// changed is when the members last were others than before.
	changed time.Time
	// present are the members that there are now, settled those that queues go by.
	present, settled circle
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
	v.settled = v.present
	return v
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
	members := []Member{v.self}
	for _, o := range v.others {
		members = append(members, o.Member)
	}
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	if !v.present.equal(members) {
		v.present, v.changed = newCircle(members), now
	}
}

// Attached notes that a queue is consumed, and as what.
func (v *View) Attached(name string, role Role) {
	a := v.own[name]
	a.attached, a.role, a.active, a.mine = true, role, time.Time{}, false
}

// Delivered notes that the broker delivers to this member: it is the active consumer of the queue.
func (v *View) Delivered(name string, now time.Time) {
	if a := v.own[name]; a.active.IsZero() {
		a.active = now
	}
}

// Detached notes that a queue is consumed no more, and whether that was to leave it to its owner. It
// reports whether the queue moved thereby, rather than that a consumer ended which only waited.
func (v *View) Detached(name string, left bool, now time.Time) (moved bool) {
	a := v.own[name]
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

// Plan says what to do with each queue. It is to be called at [View.Next] at the latest, and when
// anything changed.
func (v *View) Plan(now time.Time) map[string]Place {
	v.look(now)
	if v.unsettled() && now.Sub(v.changed) >= v.cfg.Settle {
		v.settled = v.present
		v.epoch++
	}
	plan := make(map[string]Place, len(v.own))
	for name, a := range v.own {
		plan[name] = v.place(name, a, now)
	}
	return plan
}

func (v *View) unsettled() bool { return !v.settled.equal(v.present.members) }

// place follows the settled places, but leaves a queue to its owner only when that consumes it, too.
func (v *View) place(name string, a *attachment, now time.Time) Place {
	p := v.settled.places[name]
	wanted := Place{To: p.Owner}
	if p.Backup == v.self.ID {
		wanted.Role = Backup
	}
	switch {
	case p.Owner == v.self.ID:
		a.mine = a.attached
		return Place{Role: Owner, First: len(v.settled.members) > 1 && !v.restsElsewhere(name)}
	case !a.attached:
		if v.isOrphan(name) {
			wanted.Role = Backup
		}
	case a.active.IsZero():
		wanted.Leave = v.consumes(p.Owner, name, time.Time{}) && (wanted.Role != Backup || a.role != Backup)
	default:
		a.mine = a.mine || !v.consumes(p.Owner, name, time.Time{})
		wanted.Leave = v.consumes(p.Owner, name, a.active) && !v.keeps(a, now)
	}
	if a.attached && !wanted.Leave {
		wanted.Role = a.role
	}
	return wanted
}

// keeps reports whether this member does not hand over a queue that it works on: one of its own that it
// has handed over of late, since then members come and go; or one that comes back although it was
// passed on, since then the owner takes somebody else for the owner.
func (v *View) keeps(a *attachment, now time.Time) bool {
	if a.mine {
		return v.rests(a, now)
	}
	return a.passed == v.epoch
}

// isOrphan reports whether nobody consumes a queue any more, and it is for this member to do so.
func (v *View) isOrphan(name string) bool {
	for _, o := range v.others {
		if o.attached[name] {
			return false
		}
	}
	return v.present.places[name].Owner == v.self.ID
}

// consumes reports whether another member said so after a time. One that was killed is taken for one
// that consumes for a while, but says nothing.
func (v *View) consumes(id, name string, after time.Time) bool {
	o := v.others[id]
	return o != nil && o.attached[name] && o.heard.After(after)
}

// rests reports whether this member has handed a queue over of late.
func (v *View) rests(a *attachment, now time.Time) bool {
	return !a.left.IsZero() && now.Sub(a.left) < v.cfg.Rest
}

// restsElsewhere reports whether a member that would not hand a queue over may work on it.
func (v *View) restsElsewhere(name string) bool {
	for _, o := range v.others {
		if o.attached[name] && o.resting[name] {
			return true
		}
	}
	return false
}

// Next is when time alone changes the plan, zero for never.
func (v *View) Next() (next time.Time) {
	earlier := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, o := range v.others {
		earlier(o.heard.Add(v.cfg.Timeout))
	}
	if v.unsettled() {
		earlier(v.changed.Add(v.cfg.Settle))
	}
	return next
}

// Members is how many there are, by whom queues go.
func (v *View) Members() int { return len(v.settled.members) }
