package botjwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// keyring has one private key of each kind.
type keyring struct {
	secret, long []byte
	rsa          *rsa.PrivateKey
	ecdsa        *ecdsa.PrivateKey
	p384, p521   *ecdsa.PrivateKey
	ed           ed25519.PrivateKey
}

// ring makes the keys once: RSA keys take their time.
var ring = sync.OnceValue(func() keyring {
	var k keyring
	var err error
	k.secret, k.long = []byte(strings.Repeat(" s3cret!", 4)), []byte(strings.Repeat(" s3cret!", 8))
	if k.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err)
	}
	for curve, key := range map[elliptic.Curve]**ecdsa.PrivateKey{elliptic.P256(): &k.ecdsa, elliptic.P384(): &k.p384, elliptic.P521(): &k.p521} {
		if *key, err = ecdsa.GenerateKey(curve, rand.Reader); err != nil {
			panic(err)
		}
	}
	if _, k.ed, err = ed25519.GenerateKey(rand.Reader); err != nil {
		panic(err)
	}
	return k
})

// public returns what the operator would configure for the algorithm.
func (k keyring) public(t testing.TB, algorithm string) []byte {
	switch key := k.private(algorithm).(type) {
	case []byte:
		return key
	case crypto.Signer:
		return publicPEM(t, key.Public())
	}
	t.Fatal("no key for " + algorithm)
	return nil
}

// private returns what the issuer signs with.
func (k keyring) private(algorithm string) any {
	switch algorithm {
	case "HS256":
		return k.secret
	case "HS384", "HS512":
		return k.long
	case "ES256":
		return k.ecdsa
	case "ES384":
		return k.p384
	case "ES512":
		return k.p521
	case "EdDSA":
		return k.ed
	}
	return k.rsa
}

// fits reports whether the algorithm can use the key of the other one.
func fits(algorithm, other string) bool {
	switch algorithm[:2] {
	case "HS":
		return other[:2] == "HS" && (algorithm == "HS256" || other != "HS256")
	case "RS", "PS":
		return other[:2] == "RS" || other[:2] == "PS"
	}
	return algorithm == other
}

func publicPEM(t testing.TB, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func certificatePEM(t testing.TB, signer crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyOf(t testing.TB, algorithm, id string) verificationKey {
	t.Helper()
	key, err := parseKey(algorithm, id, ring().public(t, algorithm))
	require.NoError(t, err)
	return key
}

// TestKeysFitTheirAlgorithms is the table of all algorithms and all kinds of keys.
func TestKeysFitTheirAlgorithms(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithmNames() {
		for _, kind := range algorithmNames() {
			_, err := parseKey(algorithm, "", ring().public(t, kind))
			if fits(algorithm, kind) {
				require.NoError(t, err, algorithm)
			} else {
				require.ErrorContains(t, err, algorithm+" needs", kind)
			}
		}
	}
}

func TestKeyForms(t *testing.T) {
	t.Parallel()
	k := ring()
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&k.rsa.PublicKey)})
	for algorithm, forms := range map[string][][]byte{
		"RS256": {pkcs1, certificatePEM(t, k.rsa)},
		"ES256": {certificatePEM(t, k.ecdsa)},
		"EdDSA": {certificatePEM(t, k.ed)},
	} {
		for _, raw := range forms {
			key, err := parseKey(algorithm, "", raw)
			require.NoError(t, err)
			require.Equal(t, keyOf(t, algorithm, "").material, key.material)
		}
	}
}

func TestKeysRefused(t *testing.T) {
	t.Parallel()
	private, err := x509.MarshalPKCS8PrivateKey(ring().ecdsa)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	small := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 2046, 1), E: 65537}
	tests := map[string]struct {
		algorithm string
		raw       []byte
		want      string
	}{
		"none":              {"none", ring().secret, `unknown algorithm "none"`},
		"other case":        {"hs256", ring().secret, "there are ES256, ES384, ES512, EdDSA, HS256, "},
		"short secret":      {"HS256", ring().secret[1:], "at least 32 bytes, this one has 31"},
		"no secret":         {"HS256", nil, "at least 32 bytes"},
		"short RSA key":     {"RS256", publicPEM(t, small), "at least 2048 bits, this one has 2047"},
		"huge RSA key":      {"RS256", publicPEM(t, &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 8192, 1), E: 65537}), "at most 8192 bits, this one has 8193"},
		"exponent 1":        {"PS256", publicPEM(t, &rsa.PublicKey{N: ring().rsa.N, E: 1}), "odd exponent"},
		"even exponent":     {"RS256", publicPEM(t, &rsa.PublicKey{N: ring().rsa.N, E: 65536}), "odd exponent"},
		"other curve":       {"ES256", publicPEM(t, p384.Public()), "P-256"},
		"private key":       {"ES256", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), "public key"},
		"broken PEM":        {"RS256", []byte("-----BEGIN PUBLIC KEY-----\n"), "in PEM"},
		"broken DER":        {"RS256", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}), "malformed key"},
		"broken PKCS 1":     {"RS256", pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY"}), "malformed key"},
		"broken certficate": {"RS256", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE"}), "malformed key"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseKey(tt.algorithm, "", tt.raw)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

// TestSaltOfPSS is as long as the hash (RFC 7518, section 3.5); signers that take another one are not in the
// standard.
func TestSaltOfPSS(t *testing.T) {
	t.Parallel()
	for _, method := range []*jwt.SigningMethodRSAPSS{jwt.SigningMethodPS256, jwt.SigningMethodPS384, jwt.SigningMethodPS512} {
		h := load(t, &Handler{IssuerConfig: IssuerConfig{
			Keys: []KeyConfig{{Algorithm: method.Alg(), File: writeFile(t, ring().public(t, method.Alg()))}},
		}})
		for length, want := range map[int]int{
			method.Hash.Size(): 200, rsa.PSSSaltLengthEqualsHash: 200, rsa.PSSSaltLengthAuto: 401, 1: 401, 20: 401,
		} {
			other := *method
			other.Options = &rsa.PSSOptions{SaltLength: length}
			token, err := jwt.NewWithClaims(&other, fresh(nil)).SignedString(ring().rsa)
			require.NoError(t, err)
			requireStatus(t, want, h, "Bearer "+token)
		}
	}
}
