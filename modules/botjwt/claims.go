package botjwt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"
	"github.com/golang-jwt/jwt/v5"

	"github.com/botgate/botgate/internal/botclaim"
)

// maxUser is the longest user id in bytes.
const maxUser = 256

// tokenClaims is what a verified token says. It is made once for a token that is remembered, and does not change.
type tokenClaims struct {
	// User is the user claim behind the prefix of its issuer; never empty.
	User string
	// Bots are those that the token is for, as [botclaim.Of] has it.
	Bots string
	// expires is when the token ends, and issued when it was issued; the zero time where it does not say.
	expires, issued time.Time
	// id is the claim "jti"; empty where there is none.
	id string

	values jwt.MapClaims
	// payload is the token's middle part, where numbers have all their digits.
	payload string
	// placeholders resolves those that begin with [claimPrefix], and [scopesPlaceholder].
	placeholders caddy.ReplacerFunc
}

func newClaims(values jwt.MapClaims, token, userClaim, botClaim string) *tokenClaims {
	bot, claimed := values[botClaim]
	c := &tokenClaims{
		values: values, payload: strings.Split(token, ".")[1], Bots: botclaim.Of(bot, claimed),
		expires: timeOf(values.GetExpirationTime()), issued: timeOf(values.GetIssuedAt()),
	}
	c.id, _ = c.Text("jti")
	c.placeholders = c.placeholder
	switch values[userClaim].(type) {
	case string, float64:
		if user, ok := c.Text(userClaim); ok && identifies(user) {
			c.User = user
		}
	}
	return c
}

// identifies reports whether the text can be a user's id: ids are compared after they
// went through queues, databases and headers, which lose spaces at the ends, and must come out as they went in.
func identifies(user string) bool {
	unfit := func(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) }
	return user != "" && len(user) <= maxUser && !strings.ContainsFunc(user, unfit) && strings.TrimSpace(user) == user
}

// timeOf is a claim that is a time; the zero time where the token does not have it.
func timeOf(date *jwt.NumericDate, err error) time.Time {
	if err != nil || date == nil {
		return time.Time{}
	}
	return date.Time
}

// placeholder is a claim as a placeholder.
func (c *tokenClaims) placeholder(key string) (any, bool) {
	if key == scopesPlaceholder {
		return strings.Join(scopesOf(c.values), " "), true
	}
	name, ok := strings.CutPrefix(key, claimPrefix)
	if !ok {
		return nil, false
	}
	return c.Text(name)
}

// Text returns a claim as text: strings as they are, numbers as the token writes them,
// "true" and "false", and arrays and objects as compact JSON, so that no two values
// look alike. It reports whether the token has the claim; null counts as absent.
func (c *tokenClaims) Text(name string) (string, bool) {
	switch value := c.values[name].(type) {
	case nil:
		return "", false
	case string:
		return value, true
	default:
		return c.raw(name)
	}
}

// raw returns a claim's JSON. Few requests ask for a claim that is not a string, so
// only those decode the claims in a way that keeps it.
func (c *tokenClaims) raw(name string) (string, bool) {
	payload, err := base64.RawURLEncoding.DecodeString(c.payload)
	if err != nil {
		return "", false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &members) != nil {
		return "", false
	}
	var compact bytes.Buffer
	err = json.Compact(&compact, members[name])
	return compact.String(), err == nil
}

// hasScopes reports whether a token has all scopes that are required.
func hasScopes(values jwt.MapClaims, required []string) bool {
	if len(required) == 0 {
		return true
	}
	granted := scopesOf(values)
	return !slices.ContainsFunc(required, func(scope string) bool { return !slices.Contains(granted, scope) })
}

// scopesOf are those of the claims "scope" and "scp" together (RFC 8693, section 4.2; some issuers
// use scp, and arrays, instead).
func scopesOf(values jwt.MapClaims) []string {
	var granted []string
	for _, name := range []string{"scope", "scp"} {
		switch value := values[name].(type) {
		case string:
			granted = append(granted, strings.Fields(value)...)
		case []any:
			for _, item := range value {
				if scope, ok := item.(string); ok {
					granted = append(granted, scope)
				}
			}
		}
	}
	return granted
}

// hasClaims reports whether each required claim has one of its values, or is an array with
// one of them in it. A claim without values has to be there.
func hasClaims(values jwt.MapClaims, required map[string][]string) bool {
	for name, allowed := range required {
		given := values[name]
		items, isArray := given.([]any)
		if !isArray {
			items = []any{given}
		}
		if !slices.ContainsFunc(items, func(item any) bool { return isOneOf(item, allowed) }) {
			return false
		}
	}
	return true
}

func isOneOf(item any, allowed []string) bool {
	switch item := item.(type) {
	case nil:
		return false
	case string:
		return len(allowed) == 0 || slices.Contains(allowed, item)
	default:
		return len(allowed) == 0 || slices.Contains(allowed, fmt.Sprint(item))
	}
}
