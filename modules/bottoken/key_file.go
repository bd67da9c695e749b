package bottoken

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The files in the folder of the keys.
const (
	privateFile = "private.json"
	publicFile  = "jwks.json"
	lockFile    = ".lock"
)

// othersMayRead are the permissions that the private keys must not give.
const othersMayRead = 0o077

// storedKeys is the content of the file with the private keys.
type storedKeys struct {
	Keys []storedKey `json:"keys"`
}

type storedKey struct {
	Seed      []byte    `json:"seed"`
	Published time.Time `json:"published"`
	SignsFrom time.Time `json:"signs_from"`
	// TokenTTL is in seconds.
	TokenTTL int64 `json:"token_ttl"`
}

// newKey makes a key whose id is its thumbprint (RFC 7638).
func newKey(seed []byte) key {
	private := ed25519.NewKeyFromSeed(seed)
	// Only keys of an unknown type have no thumbprint.
	sum, _ := (&jose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256)
	return key{id: base64.RawURLEncoding.EncodeToString(sum), private: private}
}

// readKeys returns the keys of the folder in the order in which they sign; none where
// there is no file yet.
func readKeys(folder string) ([]key, error) {
	path := filepath.Join(folder, privateFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&othersMayRead != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s: others may read it (mode %04o): consider its keys stolen and remove it, or chmod 600 it", path, mode)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

func parseKeys(raw []byte) ([]key, error) {
	var stored storedKeys
	if err := json.Unmarshal(raw, &stored); err != nil {
		return nil, fmt.Errorf("it is not a file of keys: %w", err)
	}
	keys := make([]key, 0, len(stored.Keys)+1)
	for _, s := range stored.Keys {
		if len(s.Seed) != ed25519.SeedSize || s.SignsFrom.IsZero() {
			return nil, errors.New("a key in it is malformed")
		}
		k := newKey(s.Seed)
		k.published, k.signsFrom, k.ttl = s.Published, s.SignsFrom, time.Duration(s.TokenTTL)*time.Second
		keys = append(keys, k)
	}
	slices.SortStableFunc(keys, func(a, b key) int { return a.signsFrom.Compare(b.signsFrom) })
	return keys, nil
}

// writeKeys replaces both files where they differ. The public one goes first: a key that
// nobody has does no harm, and one that nobody knows would.
func writeKeys(folder string, keys []key) (public []byte, err error) {
	set, stored := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}, storedKeys{}
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{
			Key: k.private.Public(), KeyID: k.id, Algorithm: string(jose.EdDSA), Use: "sig",
		})
		stored.Keys = append(stored.Keys, storedKey{
			Seed: k.private.Seed(), Published: k.published.UTC(), SignsFrom: k.signsFrom.UTC(),
			TokenTTL: int64(k.ttl / time.Second),
		})
	}
	public, err = json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("encoding the public keys: %w", err)
	}
	private, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("encoding the private keys: %w", err)
	}
	if err := replace(filepath.Join(folder, publicFile), public, 0o644); err != nil {
		return nil, err
	}
	return public, replace(filepath.Join(folder, privateFile), private, 0o600)
}

// replace puts a file in place as a whole, unless that is what is there.
func replace(path string, content []byte, mode fs.FileMode) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return nil
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(content)
	// Windows knows no such modes; there the folder's permissions count.
	if err := errors.Join(err, os.Chmod(temp.Name(), mode), temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
