package payload

// The errors that only tests tell apart.
var (
	ErrEncoding   = errEncoding
	ErrCompressed = errCompressed
	ErrNotForm    = errNotForm
	ErrMediaType  = errMediaType
	ErrCharset    = errCharset
	ErrTypes      = errTypes
	ErrUnexpected = errNotExpected
)

// FormField is what is read of a form that a platform signed.
func FormField(form []byte) ([]byte, error) { return formField(form, "payload") }
