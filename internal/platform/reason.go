package platform

// Reason is why a request was refused. It is an error whose text may label metrics:
// the values below are all there are.
type Reason string

// The reasons for which [Platform] Verify refuses a request.
const (
	// HeaderMissing: a header that carries the signature, or a part of what it covers, is absent.
	HeaderMissing Reason = "header_missing"
	// BadEncoding: the signature is not of the platform's form.
	BadEncoding Reason = "bad_encoding"
	// UnknownVersion: there are signatures, but none of a version that is verified here.
	UnknownVersion Reason = "unknown_version"
	// BadTimestamp: the signed timestamp is not a number of seconds.
	BadTimestamp Reason = "bad_timestamp"
	// TimestampOutOfTolerance: the signed timestamp is too old, or too far in the future.
	TimestampOutOfTolerance Reason = "timestamp_out_of_tolerance"
	// SignatureMismatch: no secret made this signature for these bytes.
	SignatureMismatch Reason = "signature_mismatch"
)

// Error returns the reason itself.
func (r Reason) Error() string { return string(r) }
