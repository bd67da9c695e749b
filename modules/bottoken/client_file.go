package bottoken

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/botgate/botgate/internal/restrict"
)

// leastCost is the least bcrypt cost of a secret's hash.
const leastCost = 12

const (
	// maxCost and maxHashes bound the time that a guess takes.
	maxCost   = 14
	maxHashes = 4
	// maxIDSize bounds ids, subjects and scopes, in bytes.
	maxIDSize = 256
	// maxClaimsSize keeps tokens below what bot_jwt accepts.
	maxClaimsSize = 2 << 10
)

// reservedClaims are set by bot_token, or give rights by themselves.
var reservedClaims = map[string]bool{
	"iss": true, "sub": true, "aud": true, "exp": true, "nbf": true, "iat": true, "jti": true,
	"client_id": true, "scope": true, "scp": true, "cnf": true,
}

// clientEntry is a client in the clients file, a JSON array.
type clientEntry struct {
	ID           string         `json:"id"`
	SecretHashes []string       `json:"secret_hashes"`
	Scopes       []string       `json:"scopes"`
	Subject      string         `json:"subject"`
	Claims       map[string]any `json:"claims"`
}

// client may get tokens.
type client struct {
	id      string
	subject string
	scopes  []string
	claims  map[string]any
	hashes  []*secretHash
}

// readClients reads the clients file. Errors name the client and what to change.
func readClients(path string, minCost int) (*directory, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d, err := parseClients(raw, minCost)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

func parseClients(raw []byte, minCost int) (*directory, error) {
	var entries []clientEntry
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&entries); err != nil {
		return nil, fmt.Errorf("it is not a JSON array of clients: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON array of clients")
	}
	d := &directory{
		byID: make(map[string]*client, len(entries)), decoy: decoy(minCost), work: 1,
		compare: bcrypt.CompareHashAndPassword,
	}
	_, _ = rand.Read(d.key[:]) // It never fails: see its documentation.
	for i, entry := range entries {
		c, err := entry.client(minCost)
		if err != nil {
			return nil, fmt.Errorf("client %d %q: %w", i+1, entry.ID, err)
		}
		if d.byID[c.id] != nil {
			return nil, fmt.Errorf("client %d %q: there are two of this id", i+1, c.id)
		}
		d.byID[c.id] = c
		d.work = max(d.work, c.work())
	}
	return d, nil
}

func (e clientEntry) client(minCost int) (*client, error) {
	c := &client{id: e.ID, subject: e.Subject, scopes: e.Scopes, claims: e.Claims}
	if c.subject == "" {
		c.subject = c.id
	}
	if !validID(c.id) || !validID(c.subject) {
		return nil, fmt.Errorf("id and subject: 1 to %d printable ASCII characters", maxIDSize)
	}
	if err := restrict.Texts([]string{c.id, c.subject}); err != nil {
		return nil, fmt.Errorf("id and subject: %w", err)
	}
	for i, scope := range c.scopes {
		if !validScope(scope) || slices.Contains(c.scopes[:i], scope) {
			return nil, fmt.Errorf("scopes: %q is not a scope (RFC 6749, section 3.3) or listed twice", scope)
		}
		if err := restrict.Text(scope); err != nil {
			return nil, fmt.Errorf("scopes: %w", err)
		}
	}
	if err := checkClaims(c.claims); err != nil {
		return nil, err
	}
	if len(e.SecretHashes) < 1 || len(e.SecretHashes) > maxHashes {
		return nil, fmt.Errorf("secret_hashes: from 1 to %d are needed; botgate hash-secret makes them", maxHashes)
	}
	for i, text := range e.SecretHashes {
		hash, err := parseHash(text, minCost)
		if err != nil {
			return nil, fmt.Errorf("secret_hashes: hash %d: %w; botgate hash-secret makes good ones", i+1, err)
		}
		c.hashes = append(c.hashes, hash)
	}
	return c, nil
}

func checkClaims(claims map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if name == "" || reservedClaims[name] {
			return fmt.Errorf("claims: %q can't be set here", name)
		}
		if err := errors.Join(restrict.Text(name), checkClaim(claims[name])); err != nil {
			return fmt.Errorf("claims: %s: %w", name, err)
		}
	}
	if raw, err := json.Marshal(claims); err != nil || len(raw) > maxClaimsSize {
		return fmt.Errorf("claims: they must not exceed %d bytes of JSON", maxClaimsSize)
	}
	return nil
}

// checkClaim looks at the texts of a claim: services go by them.
func checkClaim(value any) error {
	switch value := value.(type) {
	case string:
		return restrict.Text(value)
	case []any:
		for _, item := range value {
			if err := checkClaim(item); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if err := checkClaim(value[name]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// parseHash checks a bcrypt hash: "$2a$", "$2b$" or "$2y$", two digits of cost, "$", and
// 53 characters of salt and hash.
func parseHash(text string, minCost int) (*secretHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 4 || parts[0] != "" || !slices.Contains([]string{"2a", "2b", "2y"}, parts[1]) ||
		len(parts[2]) != 2 || len(parts[3]) != 53 || strings.Trim(parts[3], bcryptAlphabet) != "" {
		return nil, errors.New("it is not a bcrypt hash")
	}
	cost, err := strconv.Atoi(parts[2])
	if err != nil || cost < minCost || cost > maxCost {
		return nil, fmt.Errorf("the bcrypt cost must be from %d to %d", minCost, maxCost)
	}
	return &secretHash{bcrypt: []byte(text), work: 1 << (cost - minCost)}, nil
}

const bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// validID reports whether the text can be a client's id (RFC 6749, appendix A.1).
func validID(id string) bool {
	return id != "" && len(id) <= maxIDSize && isPrintable(id)
}

// isPrintable reports whether all characters are printable ASCII, which is what client
// ids and secrets are made of.
func isPrintable(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' })
}

// validScope reports whether the text is one scope (RFC 6749, section 3.3).
func validScope(scope string) bool {
	return validID(scope) && !strings.ContainsAny(scope, ` "\`)
}
