package botjwt

// Reason is why a request was refused. It is an error whose text labels metrics: the
// values below are all there are.
type Reason string

// The reasons, in the order of the checks.
const (
	// Missing: the request carries no bearer token.
	Missing Reason = "missing"
	// TwoTokens: the request carries more than one token.
	TwoTokens Reason = "two_tokens"
	// LockedOut: there were too many bad tokens from this address.
	LockedOut Reason = "locked_out"
	// TooLarge: the token is longer than allowed.
	TooLarge Reason = "too_large"
	// Malformed: it is not a JSON Web Token in compact form.
	Malformed Reason = "malformed"
	// UnknownAlgorithm: no key serves the token's algorithm.
	UnknownAlgorithm Reason = "unknown_algorithm"
	// CriticalHeader: the token asks for an extension with "crit" (RFC 7515, section 4.1.11).
	CriticalHeader Reason = "critical_header"
	// UnknownKey: no key of the token's algorithm has its key id.
	UnknownKey Reason = "unknown_key"
	// KeysUnavailable: no keys could be had, which says nothing about the token.
	KeysUnavailable Reason = "keys_unavailable"
	// BadSignature: no key made this signature.
	BadSignature Reason = "bad_signature"
	// NoExpiry: the claim "exp" is missing.
	NoExpiry Reason = "no_expiry"
	// Expired: "exp" is in the past.
	Expired Reason = "expired"
	// NotYetValid: "nbf" or "iat" is in the future.
	NotYetValid Reason = "not_yet_valid"
	// BadClaims: a registered claim is not of its type.
	BadClaims Reason = "bad_claims"
	// BadIssuer: "iss" is none of those allowed.
	BadIssuer Reason = "bad_issuer"
	// BadAudience: "aud" names none of those required.
	BadAudience Reason = "bad_audience"
	// MissingClaim: a required claim is missing or has another value.
	MissingClaim Reason = "missing_claim"
	// Revoked: the token was ended before its time.
	Revoked Reason = "revoked"
	// RevocationsUnavailable: whether the token was revoked could not be found out.
	RevocationsUnavailable Reason = "revocations_unavailable"
	// NoUser: the user claim is missing, or unfit to identify anybody.
	NoUser Reason = "no_user"
	// NoScope: a required scope is missing. All else about the token is good.
	NoScope Reason = "no_scope"
)

// Error returns the reason itself.
func (r Reason) Error() string { return string(r) }
