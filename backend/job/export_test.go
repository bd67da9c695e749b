package job

// ErrLost is errLost.
var ErrLost = errLost
