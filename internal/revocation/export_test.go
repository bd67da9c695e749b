package revocation

// ErrInvalid is errInvalid.
var ErrInvalid = errInvalid
