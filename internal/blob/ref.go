package blob

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// maxSize is the largest blob that a reference can name, in bytes.
const maxSize = 1 << 40

const (
	refScheme = "sha256:"
	refSize   = "?size="
)

// Ref names a blob by its content.
type Ref struct {
	// Digest is the SHA-256 of the content.
	Digest [sha256.Size]byte
	// Size is the length of the content in bytes.
	Size int64
}

// RefOf is the reference of a content.
func RefOf(data []byte) Ref { return Ref{sha256.Sum256(data), int64(len(data))} }

// Hex is the digest in lower-case hexadecimal digits; it is safe as part of a path.
func (r Ref) Hex() string { return hex.EncodeToString(r.Digest[:]) }

// Key is the blob's place in a store, below its folder or prefix: the digest in a folder of
// its first byte.
func (r Ref) Key() string {
	name := r.Hex()
	return name[:2] + "/" + name
}

// String is the reference as a URI: sha256:<digest>?size=<bytes>.
func (r Ref) String() string { return refScheme + r.Hex() + refSize + strconv.FormatInt(r.Size, 10) }

// ParseRef reads what [Ref.String] wrote, and nothing else.
func ParseRef(text string) (Ref, error) {
	var r Ref
	rest, ok := strings.CutPrefix(text, refScheme)
	digest, size, found := strings.Cut(rest, refSize)
	if !ok || !found || len(digest) != hex.EncodedLen(len(r.Digest)) {
		return Ref{}, errRef(text)
	}
	if _, err := hex.Decode(r.Digest[:], []byte(digest)); err != nil {
		return Ref{}, errRef(text)
	}
	var err error
	if r.Size, err = strconv.ParseInt(size, 10, 64); err != nil || r.Size < 0 || r.Size > maxSize || r.String() != text {
		return Ref{}, errRef(text)
	}
	return r, nil
}

func errRef(text string) error {
	const shown = 100
	return fmt.Errorf("%.*q is not a reference like sha256:<digest>?size=<bytes>", shown, text)
}
