package queue

import (
	"fmt"
	"strings"
)

// ParkingLots is the name under which [Queue.Depths] counts the events in all parking lots
// together. The groups to subscribe to are those of [ParkingLot].
const ParkingLots Group = "parked"

// maxLotName is the length of the longest name of a parking lot.
const maxLotName = 64

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

// CheckParkingLot reports what is wrong with the name of a parking lot.
func CheckParkingLot(name string) error {
	fit := len(name) > 0 && len(name) <= maxLotName
	for _, r := range name {
		fit = fit && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}
	if !fit {
		return fmt.Errorf("the name %q must have 1 to %d letters, digits, '-' or '_'", name, maxLotName)
	}
	return nil
}
