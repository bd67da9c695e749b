package queue

import (
	"context"
	"fmt"
	"strings"
)

// AllParked is the name under which [Queue.Depths] counts what is parked, in all lanes
// together. The groups to subscribe to are those of the lanes, see [Parked].
const AllParked Group = "parked"

// maxLane is the length of the longest name of a lane.
const maxLane = 64

// Parker is a consumer of Record that can put deliveries aside which can't be worked on at
// present, so that they hold up no others. Those of both engines are.
type Parker interface {
	Consumer
	// Park moves deliveries to a lane, whose consumers get them, see [Parked]. Each is durably
	// there before it is gone here: a crash in between can leave both, never neither. On
	// ErrUnavailable and ErrUnconfirmed all are still the caller's; those that are lost keep
	// the others from nothing.
	Park(ctx context.Context, lane string, deliveries ...*Delivery) error
}

// Parked is the group of what is parked in a lane. Its consumers are those of Record in all
// else: they bury as Record, and can park in other lanes. Attempts may begin anew when an
// event is parked. A name is made of letters, digits, '-' and '_', and has from 1 to 64 of
// them. Lanes come into being with their first use.
func Parked(lane string) Group { return AllParked + "." + Group(lane) }

// Lane returns the lane of a group that [Parked] made.
func (g Group) Lane() (lane string, ok bool) {
	lane, ok = strings.CutPrefix(string(g), string(AllParked)+".")
	if !ok || CheckLane(lane) != nil {
		return "", false
	}
	return lane, true
}

// CheckLane reports what is wrong with the name of a lane.
func CheckLane(lane string) error {
	fit := len(lane) > 0 && len(lane) <= maxLane
	for _, r := range lane {
		fit = fit && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}
	if !fit {
		return fmt.Errorf("the name %q must have 1 to %d letters, digits, '-' or '_'", lane, maxLane)
	}
	return nil
}
