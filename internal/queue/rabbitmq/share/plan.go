package share

import "time"

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
	if v.backup(name, p) == v.self.ID {
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
		needless := wanted.Role != Backup || a.role != Backup
		wanted.Leave = needless && v.consumes(p.Owner, name, time.Time{}) && !v.others[p.Owner].suspect
	default:
		a.mine = a.mine || !v.consumes(p.Owner, name, time.Time{})
		wanted.Leave = v.consumes(p.Owner, name, a.active) && !v.keeps(a, now)
	}
	if a.attached && !wanted.Leave {
		wanted.Role = a.role
	}
	return wanted
}

// backup is who waits for the end of a queue's owner. Where that is a member that seems to have ended itself, another one
// does in its place: else nobody would find out that the owner ended, too, until it was not heard of for too long.
func (v *View) backup(name string, p Places) string {
	if b := v.others[p.Backup]; b == nil || !b.suspect {
		return p.Backup
	}
	next := v.sure.places[name]
	if next.Owner == p.Owner {
		return next.Backup
	}
	return next.Owner
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
		if o.attached[name] && !o.suspect {
			return false
		}
	}
	return v.sure.places[name].Owner == v.self.ID
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
