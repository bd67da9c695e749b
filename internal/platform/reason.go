package platform

// Reason is why a request was refused. It is an error whose text may label metrics:
// the values below are all there are.
type Reason string

// The reasons for which [Platform] Verify refuses a request.
const (
	// HeaderMissing: a header that carries the signature, or a part of what it covers, is absent.
	HeaderMissing Reason = "header_missing"
	// BadEncoding: the signature or token is not of the platform's form.
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

// The reasons of platforms that send a signed token instead of signing the body.
const (
	// Algorithm: the token's algorithm is not the one that the platform uses.
	Algorithm Reason = "algorithm"
	// UnknownKey: none of the platform's keys has the token's key id.
	UnknownKey Reason = "unknown_key"
	// TokenExpired: the token's time is over, or it names none.
	TokenExpired Reason = "token_expired"
	// TokenNotYetValid: the token's time has not begun.
	TokenNotYetValid Reason = "token_not_yet_valid"
	// Issuer: the token is not the platform's.
	Issuer Reason = "issuer"
	// Audience: the token is meant for another bot.
	Audience Reason = "audience"
	// ServiceURL: the token is for another service URL than the body names.
	ServiceURL Reason = "serviceurl"
	// Endorsement: the signing key may not speak for the channel that the body names.
	Endorsement Reason = "endorsement"
	// Email: the token is that of another account.
	Email Reason = "email"
)

// Error returns the reason itself.
func (r Reason) Error() string { return string(r) }
