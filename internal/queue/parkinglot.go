package queue

import (
	"fmt"
	"strings"

	"github.com/botgate/botgate/internal/event"
)

// ParkingLots is the name under which [Queue.Depths] counts the events in all parking lots
// together. The groups to subscribe to are those of [ParkingLot].
const ParkingLots Group = "parked"

// ParkingLot is the group of the events that [Consumer.Park] moved to the parking lot of that
// name. Its consumers work like those of Record: they dead-letter as Record, and can park in
// other lots. Parking may reset the attempts of an event. A name has 1 to 64 letters, digits,
// '-' and '_'. A parking lot is created on first use.
func ParkingLot(name string) Group { return ParkingLots + "." + Group(name) }

// ParkingLot returns the name of the parking lot that the group is, if it is one.
func (g Group) ParkingLot() (name string, ok bool) {
	name, ok = strings.CutPrefix(string(g), string(ParkingLots)+".")
	if !ok || CheckParkingLot(name) != nil {
		return "", false
	}
	return name, true
}

// CheckParkingLot reports what is wrong with the name of a parking lot, which has the form of a
// bot's: it is part of the names of queues.
func CheckParkingLot(name string) error {
	if !event.ValidBot(name) {
		return fmt.Errorf("the name %q must have 1 to 64 letters, digits, '-' or '_'", name)
	}
	return nil
}
