package store

import "crypto/sha256"

// HashSubject is under which name engines remember that a user was erased, so that they do
// not keep the name itself. It never changes.
func HashSubject(subject string) []byte {
	hash := sha256.Sum256([]byte("botgate erased user\x00" + subject))
	return hash[:]
}
