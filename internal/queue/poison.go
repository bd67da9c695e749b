package queue

import "fmt"

const (
	// SuspectAfter is how many consumers may end with an event before it is suspected to be
	// the cause: from then on a consumer has it in hand only when it has no other suspect,
	// so that one bad event does not count against those around it.
	SuspectAfter = 3
	// CrashLimit is how many consumers may end with an event before it is poisonous.
	CrashLimit = 6
)

// Poisonous reports whether a delivery is not to be tried but buried, and the reason.
func (d *Delivery) Poisonous() (reason string, poisonous bool) {
	switch {
	case d.Unreadable != nil:
		return d.Unreadable.Error(), true
	case d.Crashes >= CrashLimit:
		return fmt.Sprintf("delivery limit: %d consumers ended while they had it in hand", d.Crashes), true
	}
	return "", false
}
