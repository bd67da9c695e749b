//go:build botgate_unconfirmed

package rabbitmq

// awaitsConfirms: this build claims what the broker did not confirm, and loses it. The
// chaos tests build it, and fail when they don't notice. It is of no other use.
const awaitsConfirms = false
