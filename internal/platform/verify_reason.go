package platform

// Reason is why a request was refused. It is an error whose text may label metrics:
// the values below are all there are.
type Reason string

// The reasons for which [Platform] Verify refuses a request.
const (
	// HeaderMissing: a header that carries the signature, or a part of what it covers, is absent.
	HeaderMissing Reason = "header_missing"
	// badEncoding: the signature or token is not of the platform's form.
	badEncoding Reason = "bad_encoding"
	// unknownVersion: there are signatures, but none of a version that is verified here.
	unknownVersion Reason = "unknown_version"
	// badTimestamp: the signed timestamp is not of the form that the sender has for it.
	badTimestamp Reason = "bad_timestamp"
	// timestampOutOfTolerance: the signed timestamp is too old, or too far in the future.
	timestampOutOfTolerance Reason = "timestamp_out_of_tolerance"
	// badBorders: a value has the text in it that ends it, so that the signed bytes could be cut elsewhere.
	badBorders Reason = "bad_borders"
	// bodyHashMismatch: the signature may be right, and the body is not the one whose hash it covers.
	bodyHashMismatch Reason = "body_hash_mismatch"
	// SignatureMismatch: no secret made this signature for these bytes.
	SignatureMismatch Reason = "signature_mismatch"
)

// The reasons of platforms that send a signed token instead of signing the body.
const (
	// badAlgorithm: the token's algorithm is not the one that the platform uses.
	badAlgorithm Reason = "algorithm"
	// UnknownKey: none of the platform's keys has the token's key id.
	UnknownKey Reason = "unknown_key"
	// tokenExpired: the token has expired, or does not say when it does.
	tokenExpired Reason = "token_expired"
	// tokenNotYetValid: the token is not valid yet.
	tokenNotYetValid Reason = "token_not_yet_valid"
	// badIssuer: the token is not the platform's.
	badIssuer Reason = "issuer"
	// badAudience: the token is meant for another bot.
	badAudience Reason = "audience"
	// badServiceURL: the token is for another service URL than the body names.
	badServiceURL Reason = "serviceurl"
	// badEndorsement: the signing key may not speak for the channel that the body names.
	badEndorsement Reason = "endorsement"
	// badEmail: the token is that of another account.
	badEmail Reason = "email"
)

// Error returns the reason itself.
func (r Reason) Error() string { return string(r) }
