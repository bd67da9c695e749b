package queue

import "fmt"

const (
	// SuspectAfter is how many consumers may crash while they hold an event before it is a
	// suspected poison message: from then on a consumer holds at most one suspect at a
	// time, so that one bad event does not count against those around it.
	SuspectAfter = 3
	// CrashLimit is how many consumers may crash while they hold an event before it is a
	// poison message.
	CrashLimit = 6
)

// Poison reports whether a delivery is a poison message, to be dead-lettered without another
// attempt, and the reason.
func (d *Delivery) Poison() (reason string, poison bool) {
	switch {
	case d.Unreadable != nil:
		return d.Unreadable.Error(), true
	case d.Crashes >= CrashLimit:
		return fmt.Sprintf("delivery limit: %d consumers crashed while they held it", d.Crashes), true
	}
	return "", false
}
