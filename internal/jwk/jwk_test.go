package jwk_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/jwk"
)

const public = `{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`

// with adds members to the public key.
func with(members string) string { return strings.Replace(public, "{", "{"+members+",", 1) }

func TestParse(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"plain":                  public,
		"padded":                 strings.Replace(public, `URo"`, `URo="`, 1),
		"sig":                    with(`"use":"sig"`),
		"verify":                 with(`"key_ops":["verify"]`),
		"unknown members":        with(`"exp":1,"ext":true,"x5t":"not base64!","x5u":"::"`),
		"x5c that is no array":   with(`"x5c":"MII"`),
		"x5c that is empty":      with(`"x5c":[]`),
		"x5c that is no base64":  with(`"x5c":["!"]`),
		"x5c that is no DER":     with(`"x5c":["AAAA"]`),
		"private key that signs": with(`"key_ops":["sign"],"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"`),
	} {
		key, err := jwk.Parse([]byte(raw))
		require.NoError(t, err, name)
		require.Equal(t, "ed", key.KeyID, name)
	}
	for raw, want := range map[string]string{
		with(`"use":"enc"`):                               jwk.ErrOtherUse.Error(),
		with(`"key_ops":[]`):                              jwk.ErrOtherUse.Error(),
		with(`"key_ops":["sign"]`):                        jwk.ErrOtherUse.Error(),
		`{"kty":"AKP","kid":"pq"}`:                        jwk.ErrOtherUse.Error(),
		`{"kty":"OKP","crv":"X448"}`:                      jwk.ErrOtherUse.Error(),
		`{"kty":"oct","k":"c2VjcmV0","key_ops":["sign"]}`: jwk.ErrOtherUse.Error(),
		with(`"key_ops":7`):                               `its member "key_ops" is malformed`,
		`{"kty":"RSA","n":7,"e":"AQAB"}`:                  `its member "n" is malformed`,
		`{"kty":"RSA","n":"s3cret!","e":"AQAB"}`:          "it is not a JSON Web Key",
		`[]`:                                              "it is not a JSON Web Key",
		`{`:                                               "it is not a JSON Web Key",
		`{"x":1`:                                          "it is not a JSON Web Key",
	} {
		_, err := jwk.Parse([]byte(raw))
		require.ErrorContains(t, err, want, raw)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

// TestACertificateMustBeTheKeys: one that parses and has another key is refused (RFC 7517, section 4.7).
func TestACertificateMustBeTheKeys(t *testing.T) {
	t.Parallel()
	sign := func(key *ecdsa.PrivateKey) string {
		template := &x509.Certificate{SerialNumber: big.NewInt(1)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		require.NoError(t, err)
		return base64.StdEncoding.EncodeToString(der)
	}
	var keys [2]*ecdsa.PrivateKey
	for i := range keys {
		var err error
		keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
	}
	raw, err := jose.JSONWebKey{Key: keys[0].Public(), KeyID: "c"}.MarshalJSON()
	require.NoError(t, err)
	for i, key := range keys {
		chain, err := json.Marshal([]string{sign(key), "what follows is not looked at"})
		require.NoError(t, err)
		_, err = jwk.Parse([]byte(strings.Replace(string(raw), "{", `{"x5c":`+string(chain)+",", 1)))
		require.Equal(t, i == 0, err == nil, "key %d: %v", i, err)
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	keys, err := jwk.Set([]byte(`{"keys":[` + public + `,7]}`))
	require.NoError(t, err)
	require.Len(t, keys, 2)
	for raw, want := range map[string]string{`{`: "not a JSON Web Key Set", `{}`: "no member", `{"keys":null}`: "no member", `{"keys":{}}`: "not a JSON Web Key Set"} {
		_, err := jwk.Set([]byte(raw))
		require.ErrorContains(t, err, want, raw)
	}
}

// FuzzParse: nothing panics, and what comes out is a key.
func FuzzParse(f *testing.F) {
	f.Add([]byte(public))
	f.Add([]byte(with(`"key_ops":["verify"],"x5c":["AAAA"]`)))
	f.Add([]byte(`{"kty":"RSA","n":"AQ==","e":"AQAB="}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if key, err := jwk.Parse(raw); err == nil {
			require.NotNil(t, key.Key)
		}
	})
}
