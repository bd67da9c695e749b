package event

import (
	"hash/fnv"

	"github.com/google/uuid"
)

// Buckets is the number of buckets that users are spread over. Shards of the database hold
// ranges of them. It is part of every id and of every operator's configuration, so it
// never changes.
const Buckets = 1024

// BucketOf returns the bucket, from 0 to Buckets-1, of a user, as [Event.Normalize] leaves it.
func BucketOf(subject string) int {
	hash := fnv.New64a()
	hash.Write([]byte(NameOf(subject)))
	// The low bits of FNV-1a alone would spread short names unevenly.
	sum := hash.Sum64()
	return int((sum ^ sum>>32) % Buckets)
}

// BucketOfID returns the bucket of an event, which its id carries: see [Identity.ID]
// and [NewID]. What is not such an id has a bucket too, the one of its text.
func BucketOfID(id string) int {
	parsed, err := uuid.Parse(id)
	if err != nil || parsed.Variant() != uuid.RFC4122 || parsed.Version() != 7 && parsed.Version() != 8 {
		return BucketOf(id)
	}
	return int(parsed[6]&0x03)<<8 | int(parsed[7])
}

// setBucket writes the bucket over ten of the twelve bits behind the version (rand_a in
// version 7, custom_b in version 8), as RFC 9562 leaves them to us.
func setBucket(id *uuid.UUID, bucket int) {
	id[6] = id[6]&0xfc | byte(bucket>>8)
	id[7] = byte(bucket)
}
