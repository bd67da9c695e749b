package store

import "github.com/botgate/botgate/internal/event"

// codes are the numbers under which engines keep statuses. Their order is the projection rule:
// a greater code never gives way to a smaller one, except after a replay; see [State.Merge].
// Delivered is the greatest: once the bot has the event, no outcome of a redelivery changes
// that. The gaps leave room for statuses to come.
var codes = map[event.Status]int{
	event.StatusAccepted:  10,
	event.StatusDeferred:  12,
	event.StatusReplayed:  15,
	event.StatusFailed:    20,
	event.StatusExpired:   25,
	event.StatusDead:      30,
	event.StatusDelivered: 40,
}

var statuses = func() map[int]event.Status {
	byCode := make(map[int]event.Status, len(codes))
	for status, code := range codes {
		byCode[code] = status
	}
	return byCode
}()

// Code returns the number under which engines keep a status, or 0 for a status that does
// not exist. Greater numbers win.
func Code(s event.Status) int { return codes[s] }

// StatusOf returns the status with a code, or "" when there is none.
func StatusOf(code int) event.Status { return statuses[code] }
