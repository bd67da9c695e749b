package botjwt

import (
	"context"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// maxCandidates bounds the work for a token without a key id.
const maxCandidates = 16

// keySet is one version of a trust's keys; versions are told apart by their addresses.
type keySet struct{ keys []verificationKey }

// newKeySet makes a set of those keys whose algorithm is allowed; none allowed means all.
func newKeySet(keys []verificationKey, allowed []string) *keySet {
	set := &keySet{}
	for _, key := range keys {
		if len(allowed) == 0 || slices.Contains(allowed, key.algorithm) {
			set.keys = append(set.keys, key)
		}
	}
	return set
}

// matching returns the keys of the algorithm that the key id leaves in question.
func (s *keySet) matching(algorithm, id string) jwt.VerificationKeySet {
	var found jwt.VerificationKeySet
	for _, key := range s.keys {
		if key.algorithm == algorithm && (id == "" || key.id == "" || id == key.id) && len(found.Keys) < maxCandidates {
			found.Keys = append(found.Keys, key.material)
		}
	}
	return found
}

// serves reports whether any key is for the algorithm.
func (s *keySet) serves(algorithm string) bool {
	return slices.ContainsFunc(s.keys, func(key verificationKey) bool { return key.algorithm == algorithm })
}

// lacks reports whether a token names a key that is not there: its algorithm may be that of the next keys then,
// which issuers sign with before they publish them.
func (s *keySet) lacks(id string) bool {
	return id != "" && !slices.ContainsFunc(s.keys, func(key verificationKey) bool { return key.id == id })
}

// keySource has the keys of a trust at present.
type keySource interface {
	// Current returns them, or an error when none could be had.
	Current(ctx context.Context) (*keySet, error)
	// Newest returns those of this very time, for a token whose key is not among the keys of Current, or an
	// error when it could not be found out which they are.
	Newest(ctx context.Context) (*keySet, error)
	// Close releases files and connections; the last keys stay.
	Close() error
}

// trust is who may issue tokens, for whom, and with which keys.
type trust struct {
	// Issuers are the allowed values of "iss". Empty: any.
	Issuers []string
	// Audiences must share a value with "aud". Empty: any.
	Audiences []string
	// Scopes are those that count. Empty: any.
	Scopes []string
	// Claims are those that have the same value in all tokens.
	Claims map[string]string
	// Prefix is what the names of users begin with. Empty: nothing.
	Prefix string
	// Shared says that its users are those of other issuers without a prefix.
	Shared bool
	// Keys verify the tokens.
	Keys keySource
}

// check compares the parties that the token names.
func (t *trust) check(claims jwt.MapClaims) error {
	if len(t.Issuers) > 0 {
		issuer, err := claims.GetIssuer()
		if err != nil || !slices.Contains(t.Issuers, issuer) {
			return reasonBadIssuer
		}
	}
	if len(t.Audiences) > 0 {
		audiences, err := claims.GetAudience()
		isOurs := func(audience string) bool { return slices.Contains(t.Audiences, audience) }
		if err != nil || !slices.ContainsFunc(audiences, isOurs) {
			return reasonBadAudience
		}
	}
	return nil
}

// trustOf returns the trust that names the token's issuer, else the one that names none.
// The first trust is taken when it is the only one: its check says what is wrong.
func trustOf(trusts []*trust, claims jwt.MapClaims) (*trust, error) {
	if len(trusts) == 1 {
		return trusts[0], nil
	}
	issuer, _ := claims.GetIssuer()
	var open *trust
	for _, trust := range trusts {
		if slices.Contains(trust.Issuers, issuer) {
			return trust, nil
		}
		if len(trust.Issuers) == 0 {
			open = trust
		}
	}
	if open == nil {
		return nil, reasonBadIssuer
	}
	return open, nil
}
