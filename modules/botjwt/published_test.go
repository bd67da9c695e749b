package botjwt

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// publishedCase is a key set as a provider serves it, and tokens of its key that are good until 2100. The
// file says who allows it, and where it was met.
type publishedCase struct {
	JWKS   json.RawMessage
	Tokens []string
}

// serve publishes a key set as it is, byte for byte.
func serve(t *testing.T, set []byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
	t.Cleanup(server.Close)
	return server.URL
}

// TestKeysAsProvidersPublishThem checks the cases by address and from a file.
func TestKeysAsProvidersPublishThem(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/cases/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		var c publishedCase
		require.NoError(t, json.Unmarshal(raw, &c))
		require.NotEmpty(t, c.Tokens)
		for _, config := range []IssuerConfig{{JWKS: serve(t, c.JWKS), Audiences: []string{"any"}}, {JWKFiles: []string{writeFile(t, c.JWKS)}}} {
			h := load(t, &Handler{IssuerConfig: config})
			for _, token := range c.Tokens {
				requireStatus(t, 200, h, "Bearer "+token)
				requireStatus(t, 401, h, "Bearer "+token[:len(token)-20])
			}
		}
	}
}

// TestBothNamesOfEd25519 may be configured, and either token passes.
func TestBothNamesOfEd25519(t *testing.T) {
	t.Parallel()
	pem := writeFile(t, ring().public(t, "EdDSA"))
	token := sign(t, "EdDSA", nil, fresh(nil))
	renamed := sign(t, "EdDSA", map[string]any{"alg": ed25519Name}, fresh(nil))
	for _, name := range []string{"EdDSA", ed25519Name} {
		h := load(t, &Handler{IssuerConfig: IssuerConfig{
			Keys: []KeyConfig{{Algorithm: name, File: pem}}, Algorithms: []string{name},
		}})
		requireStatus(t, 200, h, "Bearer "+token)
		requireStatus(t, 200, h, "Bearer "+renamed)
		requireStatus(t, 401, h, "Bearer "+withAlgorithm(t, token, ed25519Name))
	}
}

// TestKeyOpsDecide: a key whose operations do not name "verify" verifies nothing (RFC 7517, section 4.3).
func TestKeyOpsDecide(t *testing.T) {
	t.Parallel()
	key := published("ES256", "k")
	raw, err := key.MarshalJSON()
	require.NoError(t, err)
	token := "Bearer " + sign(t, "ES256", map[string]any{"kid": "k"}, fresh(nil))
	for member, want := range map[string]int{
		`"key_ops":["verify"]`: 200, `"key_ops":["sign","verify"],"use":"sig"`: 200, `"key_ops":null`: 200,
		`"key_ops":["sign"]`: 401, `"key_ops":[]`: 401, `"key_ops":["encrypt"]`: 401, `"key_ops":"verify"`: 401,
		`"key_ops":["verify"],"use":"enc"`: 401, `"key_ops":["VERIFY"]`: 401,
	} {
		set := `{"keys":[` + strings.Replace(string(raw), "{", "{"+member+",", 1) + `]}`
		h := load(t, &Handler{IssuerConfig: IssuerConfig{JWKS: serve(t, []byte(set)), Audiences: []string{"any"}}})
		requireStatus(t, want, h, token)
	}
}
