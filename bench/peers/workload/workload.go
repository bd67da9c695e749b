// Package workload is what every peer gets: the orders of 1000 customers, each with a token
// of their own, and what is to be refused.
package workload

import (
	_ "embed"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Schema is the JSON Schema (draft 7) of the body, with 20 properties that have a value.
//
//go:embed schema.json
var Schema []byte

const (
	// Path is where the commands are posted to.
	Path = "/v1/bots/demo/commands"
	// Issuer is who the tokens are from.
	Issuer = "botgate"
	// Audience is who they are for.
	Audience = "botgate"
	// Scope is what they permit.
	Scope = "commands:write"
	// Users is the number of customers, and so of tokens.
	Users = 1000
	// lifetime of the tokens is longer than any run.
	lifetime = time.Hour
)

// Body is the order of a user, about 640 bytes.
func Body(user int) []byte {
	return fmt.Appendf(nil, `{"command":"/order","order":"o-%06d-7c1f-4e02-9b5d","customer":{"id":"user-%d",`+
		`"name":"Customer No %04d","locale":"de-CH"},"items":[{"sku":"ESPRESSO-1KG","quantity":2,"price":2890},`+
		`{"sku":"FILTER-100","quantity":1,"price":450},{"sku":"CUP-BLUE","quantity":6,"price":1200}],"delivery":{`+
		`"street":"Langstrasse %d","city":"Zurich","postcode":"8004","country":"CH"},"note":"Please ring twice, the bell `+
		`of the shop next door sounds the same; if nobody opens, leave it with the neighbours on the second floor.",`+
		`"total":13430,"currency":"CHF","express":false,"placed_at":%d,"coupon":null,"channel":"chat",`+
		`"trace":"00-5bd66ef5095369c7b0d1f8f4bd33716a-%016x-01"}`,
		user, user, user, user%300+1, 1_790_000_000_000+user, user+1)
}

// Tokens are those of all users, signed with HS256.
func Tokens(secret []byte) ([]string, error) {
	all := make([]string, Users)
	for user := range all {
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"iss": Issuer, "aud": Audience, "sub": fmt.Sprint("user-", user), "scope": Scope,
			"iat": time.Now().Unix(), "exp": time.Now().Add(lifetime).Unix(), "jti": fmt.Sprintf("t-%06d", user),
		})
		// For those who look keys up by name.
		token.Header["kid"] = "k1"
		var err error
		if all[user], err = token.SignedString(secret); err != nil {
			return nil, fmt.Errorf("signing a token: %w", err)
		}
	}
	return all, nil
}

// Requests are the requests of all users as they go over the wire, with the tokens from [Tokens].
func Requests(tokens []string) [][]byte {
	all := make([][]byte, len(tokens))
	for user, token := range tokens {
		all[user] = request(token, Body(user))
	}
	return all
}

// Refused are requests that must be refused: without a token, with one that was forged, and
// with a body that breaks the schema.
func Refused(tokens []string) ([][]byte, error) {
	forged, err := Tokens([]byte("a secret that nobody was told, of 32 bytes"))
	if err != nil {
		return nil, err
	}
	return [][]byte{
		request("", Body(0)),
		request(forged[0], Body(0)),
		request(tokens[0], []byte(`{"command":"/order","order":"o-000000-7c1f"}`)),
	}, nil
}

func request(token string, body []byte) []byte {
	authorization := ""
	if token != "" {
		authorization = "Authorization: Bearer " + token + "\r\n"
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\n%s"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", Path, authorization, len(body), body)
}
