package botjwt

// reason is why a request was refused. It is an error whose text labels metrics: the
// values below are all there are.
type reason string

// The reasons, in the order of the checks, each with what it says of the request or its token.
const (
	reasonMissing                reason = "missing"                 // the request carries no bearer token
	reasonTwoTokens              reason = "two_tokens"              // the request carries more than one token
	reasonCrossOrigin            reason = "cross_origin"            // a page of another origin sent the cookie's token
	reasonLockedOut              reason = "locked_out"              // too many bad tokens came from its address
	reasonTooLarge               reason = "too_large"               // the token is longer than allowed
	reasonMalformed              reason = "malformed"               // it is not a JSON Web Token in compact form
	reasonUnknownAlgorithm       reason = "unknown_algorithm"       // no key serves it, and the key id is of another or missing
	reasonCriticalHeader         reason = "critical_header"         // it asks for an extension with "crit" (RFC 7515)
	reasonUnknownKey             reason = "unknown_key"             // no key has its key id
	reasonKeysUnavailable        reason = "keys_unavailable"        // no keys could be had: it may be good
	reasonBadSignature           reason = "bad_signature"           // no key made this signature
	reasonNoExpiry               reason = "no_expiry"               // the claim "exp" is missing
	reasonExpired                reason = "expired"                 // "exp" is in the past
	reasonNotYetValid            reason = "not_yet_valid"           // "nbf" or "iat" is in the future
	reasonBadClaims              reason = "bad_claims"              // a registered claim is not of its type
	reasonBadIssuer              reason = "bad_issuer"              // "iss" is none of those allowed
	reasonBadAudience            reason = "bad_audience"            // "aud" names none of those required
	reasonMissingClaim           reason = "missing_claim"           // a required claim is missing or another
	reasonRevoked                reason = "revoked"                 // the token was ended before its time
	reasonRevocationsUnavailable reason = "revocations_unavailable" // whether it was revoked is not known
	reasonForeignClaim           reason = "foreign_claim"           // a claim that its issuer has fixed is another
	reasonForeignUser            reason = "foreign_user"            // the user's name is for those of another issuer
	reasonNoUser                 reason = "no_user"                 // the user claim is missing or identifies nobody
	reasonNoScope                reason = "no_scope"                // a required scope is missing; all else is good
	reasonOtherBot               reason = "other_bot"               // it is for another bot than the route
)

// reasons are all of them.
func reasons() []reason {
	return []reason{
		reasonMissing, reasonTwoTokens, reasonCrossOrigin, reasonLockedOut, reasonTooLarge, reasonMalformed,
		reasonUnknownAlgorithm, reasonCriticalHeader, reasonUnknownKey, reasonKeysUnavailable, reasonBadSignature,
		reasonNoExpiry, reasonExpired, reasonNotYetValid, reasonBadClaims, reasonBadIssuer, reasonBadAudience,
		reasonMissingClaim, reasonRevoked, reasonRevocationsUnavailable, reasonForeignClaim, reasonForeignUser,
		reasonNoUser, reasonNoScope, reasonOtherBot,
	}
}

// Error returns the reason itself.
func (r reason) Error() string { return string(r) }
