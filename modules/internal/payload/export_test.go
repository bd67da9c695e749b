package payload

// The errors that only tests tell apart.
var (
	ErrEncoding   = errEncoding
	ErrCompressed = errCompressed
	ErrNotForm    = errNotForm
	ErrMediaType  = errMediaType
)
