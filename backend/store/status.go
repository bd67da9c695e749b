package store

import "github.com/botgate/botgate/internal/event"

// The codes under which engines keep statuses. Their order is the projection rule: a
// greater code never gives way to a smaller one, but for a replay, see [State.Merge].
// Delivered is above all, as the bot has an event that was delivered once, whatever a
// repeated attempt says. The gaps leave room for statuses to come.
const (
	codeAccepted  = 10
	codeDeferred  = 12
	codeReplayed  = 15
	codeFailed    = 20
	codeExpired   = 25
	codeDead      = 30
	codeDelivered = 40
)

// Code returns the number under which engines keep a status, or 0 for a status that does
// not exist. Greater numbers win.
func Code(s event.Status) int {
	switch s {
	case event.StatusAccepted:
		return codeAccepted
	case event.StatusDeferred:
		return codeDeferred
	case event.StatusReplayed:
		return codeReplayed
	case event.StatusFailed:
		return codeFailed
	case event.StatusExpired:
		return codeExpired
	case event.StatusDead:
		return codeDead
	case event.StatusDelivered:
		return codeDelivered
	}
	return 0
}

// StatusOf returns the status with a code, or "" when there is none.
func StatusOf(code int) event.Status {
	switch code {
	case codeAccepted:
		return event.StatusAccepted
	case codeDeferred:
		return event.StatusDeferred
	case codeReplayed:
		return event.StatusReplayed
	case codeFailed:
		return event.StatusFailed
	case codeExpired:
		return event.StatusExpired
	case codeDead:
		return event.StatusDead
	case codeDelivered:
		return event.StatusDelivered
	}
	return ""
}
