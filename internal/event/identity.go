package event

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"
)

// Identity is what makes two requests the same event, on every gateway and without shared state.
// docs/explanation/identity.md says what is sender, key and content for whom.
type Identity struct {
	// Bot is the name of the bot that the event is for.
	Bot string
	// Sender is who vouches for the event. Keys of two senders never meet.
	Sender string
	// Key names a delivery of the sender.
	Key string
	// Content is compared too where it is not nil: the same key with another content is another event.
	Content []byte
}

// ClientSender is who vouches for the request of an API client: the issuer of its token, and whom
// that names. Without a token the issuer is empty.
func ClientSender(issuer, subject string) string { return fmt.Sprintf("client %q %q", issuer, subject) }

// PlatformSender is who vouches for a webhook: the platform, and the account there.
func PlatformSender(platform, account string) string {
	return fmt.Sprintf("platform %q %q", platform, account)
}

// ContentOf is the content of an API client's request, as a SHA-256: what it is to do, in whose name.
func ContentOf(kind, user string, body []byte) [sha256.Size]byte {
	var space [512]byte
	sum := sha256.Sum256(body)
	return sha256.Sum256(fmt.Appendf(space[:0], "%s%q %q", sum[:], kind, user))
}

// Sum is the identity as a SHA-256.
func (i Identity) Sum() [sha256.Size]byte {
	var space [512]byte
	text := space[:0]
	for _, part := range [...]string{i.Bot, i.Sender, i.Key} {
		// Length prefixes keep ("a","bc") and ("ab","c") apart.
		text = append(binary.BigEndian.AppendUint64(text, uint64(len(part))), part...)
	}
	if i.Content != nil {
		content := sha256.Sum256(i.Content)
		text = append(text, content[:]...)
	}
	return sha256.Sum256(text)
}

// ID is the id of the event: a UUIDv8 (RFC 9562) over the identity, that carries the bucket of the
// user, see [BucketOfID]. The same identity is always given with the same user.
func (i Identity) ID(subject string) string {
	sum := i.Sum()
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	if subject != "" {
		setBucket(&id, BucketOf(subject))
	}
	return id.String()
}

// NewID returns a fresh id for an event whose delivery nothing names: a UUIDv7 (RFC 9562)
// that carries the bucket of the user, see [BucketOfID]. Without a user it has any.
func NewID(subject string) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("event: making an id: %w", err)
	}
	if subject == "" {
		return id.String(), nil
	}
	setBucket(&id, BucketOf(subject))
	return id.String(), nil
}
