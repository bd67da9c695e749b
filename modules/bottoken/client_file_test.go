package bottoken

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

// realHash is one of realSecret, as botgate hash-secret makes them.
const (
	realSecret = "correct-horse-battery-staple"
	realHash   = "$2a$12$CY0N.6isjs56teNX5Heo0Oqmrx6QAXZzQEY1/g2TMaY.KybgmL6lO"
)

func TestParseClients(t *testing.T) {
	t.Parallel()
	d, err := parseClients(fmt.Appendf(nil, `[
		{"id": "ci", "secret_hashes": [%q], "scopes": ["commands:write", "events:read"],
		 "subject": "build-server", "claims": {"bot": "demo", "level": 3}},
		{"id": "plain", "secret_hashes": [%q, %q]}
	]`, realHash, realHash, strings.Replace(realHash, "$2a$12", "$2y$13", 1)), leastCost)
	require.NoError(t, err)
	require.Len(t, d.byID, 2)
	ci, plain := d.byID["ci"], d.byID["plain"]
	require.Equal(t, []any{"build-server", 1, map[string]any{"bot": "demo", "level": 3.0}}, []any{ci.subject, ci.work(), ci.claims})
	require.Equal(t, []string{"commands:write", "events:read"}, ci.scopes)
	require.Equal(t, []any{"plain", 3}, []any{plain.subject, plain.work()}, "a cost of 13 is twice the work")
	require.Equal(t, 3, d.work)

	empty, err := parseClients([]byte("[]"), leastCost)
	require.NoError(t, err, "nobody gets a token, which an operator may want")
	require.Equal(t, 1, empty.work)
}

func TestBadClientsAreRefused(t *testing.T) {
	t.Parallel()
	valid := `"secret_hashes": ["` + realHash + `"]`
	tests := map[string]struct{ file, want string }{
		"not JSON":            {`clients`, "not a JSON array of clients"},
		"one client":          {`{"id": "ci"}`, "not a JSON array of clients"},
		"unknown field":       {`[{"id": "ci", "secret": "x"}]`, `unknown field "secret"`},
		"more after it":       {`[] []`, "something follows"},
		"no id":               {`[{` + valid + `}]`, `client 1 "": id and subject`},
		"id of two lines":     {`[{"id": "a\nb", ` + valid + `}]`, "id and subject"},
		"id too long":         {`[{"id": "` + strings.Repeat("a", 257) + `", ` + valid + `}]`, "id and subject"},
		"odd subject":         {`[{"id": "ci", "subject": "ü", ` + valid + `}]`, "id and subject"},
		"duplicate":           {`[{"id": "ci", ` + valid + `}, {"id": "ci", ` + valid + `}]`, `client 2 "ci": there are two`},
		"odd scope":           {`[{"id": "ci", "scopes": ["a b"], ` + valid + `}]`, `"a b" is not a scope`},
		"empty scope":         {`[{"id": "ci", "scopes": [""], ` + valid + `}]`, `"" is not a scope`},
		"scope twice":         {`[{"id": "ci", "scopes": ["a", "a"], ` + valid + `}]`, "listed twice"},
		"registered claim":    {`[{"id": "ci", "claims": {"exp": 1}, ` + valid + `}]`, `claims: "exp" can't be set`},
		"claim with rights":   {`[{"id": "ci", "claims": {"scp": "admin"}, ` + valid + `}]`, `claims: "scp" can't be set`},
		"unnamed claim":       {`[{"id": "ci", "claims": {"": 1}, ` + valid + `}]`, `claims: "" can't be set`},
		"claims too large":    {`[{"id": "ci", "claims": {"a": "` + strings.Repeat("a", 2048) + `"}, ` + valid + `}]`, "must not exceed 2048 bytes"},
		"id left":             {`[{"id": "$CLIENT"}]`, "id and subject: the placeholder $CLIENT"},
		"blank id":            {`[{"id": "  "}]`, "id and subject: there is nothing but white space"},
		"scope left":          {`[{"id": "ci", "scopes": ["{env.SCOPE}"]}]`, "scopes: the placeholder {env.SCOPE}"},
		"empty claim":         {`[{"id": "ci", "claims": {"tenant": ""}}]`, "claims: tenant: it is empty"},
		"claim left":          {`[{"id": "ci", "claims": {"a": [{"b": "${TENANT}"}]}}]`, "claims: a: b: the placeholder ${TENANT}"},
		"no hash":             {`[{"id": "ci"}]`, "from 1 to 4 are needed; botgate hash-secret"},
		"too many hashes":     {`[{"id": "ci", "secret_hashes": ["", "", "", "", ""]}]`, "from 1 to 4 are needed"},
		"a secret":            {`[{"id": "ci", "secret_hashes": ["hunter2"]}]`, "hash 1: it is not a bcrypt hash"},
		"another hash":        {`[{"id": "ci", "secret_hashes": ["` + strings.Replace(realHash, "$2a", "$1", 1) + `"]}]`, "not a bcrypt hash"},
		"odd characters":      {`[{"id": "ci", "secret_hashes": ["` + realHash[:59] + `!"]}]`, "not a bcrypt hash"},
		"a cut hash":          {`[{"id": "ci", "secret_hashes": ["` + realHash[:59] + `"]}]`, "not a bcrypt hash"},
		"a cheap hash":        {`[{"id": "ci", "secret_hashes": ["` + strings.Replace(realHash, "12", "11", 1) + `"]}]`, "cost must be from 12 to 14"},
		"an expensive hash":   {`[{"id": "ci", "secret_hashes": ["` + strings.Replace(realHash, "12", "15", 1) + `"]}]`, "cost must be from 12 to 14"},
		"the second is wrong": {`[{"id": "ci", "secret_hashes": ["` + realHash + `", ""]}]`, "hash 2: it is not"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseClients([]byte(tt.file), leastCost)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// TestDecoyIsAHash: comparing with anything else would take no time.
func TestDecoyIsAHash(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, bcrypt.CompareHashAndPassword(decoy(bcrypt.MinCost), []byte("guess")), bcrypt.ErrMismatchedHashAndPassword)
	_, err := parseHash(string(decoy(leastCost)), leastCost)
	require.NoError(t, err)
}
