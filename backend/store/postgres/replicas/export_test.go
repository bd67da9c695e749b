package replicas

// ErrAcquireTimeout is for tests from outside.
var ErrAcquireTimeout = errAcquireTimeout
