//go:build !botgate_unconfirmed

package rabbitmq

// awaitsConfirms is false only in the build that shows that the tests would notice.
const awaitsConfirms = true
