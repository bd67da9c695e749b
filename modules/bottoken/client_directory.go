package bottoken

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// maxSecretSize is what bcrypt looks at: it would ignore the rest.
	maxSecretSize = 72
	// rememberFor is how long a secret that was good is not hashed again.
	rememberFor = 10 * time.Minute
)

// directory has the clients of one state of the clients file, and remembers which secrets
// were good: another state begins with another directory. It may be used concurrently.
type directory struct {
	byID map[string]*client
	// work is what each wrong guess costs, whether there is such a client or not, in units
	// of the least cost: as much as that of the client with the most work.
	work  int
	decoy []byte
	// compare is bcrypt's comparison; an error means that the secret is another one.
	compare func(hash, secret []byte) error
	// key makes remembered secrets worthless outside this process.
	key [32]byte
}

// secretHash is one secret of a client. It remembers that secret by itself, so that there
// are never more of these than hashes in the file.
type secretHash struct {
	bcrypt   []byte
	work     int
	verified atomic.Pointer[remembered]
}

type remembered struct {
	mac   []byte
	until time.Time
}

// recall returns the client whose secret this is if that was found out not long ago.
func (d *directory) recall(id, secret string, now time.Time) *client {
	mac := d.mac(secret) // First, so that it takes the same time without such a client.
	c := d.byID[id]
	if c == nil {
		return nil
	}
	for _, hash := range c.hashes {
		if known := hash.verified.Load(); known != nil && now.Before(known.until) && hmac.Equal(known.mac, mac) {
			return c
		}
	}
	return nil
}

// verify returns the client if the secret is one of its own, or nil. It takes the same
// time for a wrong secret as for a client that does not exist, unless ctx ends.
func (d *directory) verify(ctx context.Context, id, secret string, now time.Time) *client {
	if len(secret) > maxSecretSize || !isPrintable(secret) {
		return nil // Nobody's: bcrypt would cut it, or take it for another one.
	}
	spent := 0
	if c := d.byID[id]; c != nil {
		for _, hash := range c.hashes {
			if d.compare(hash.bcrypt, []byte(secret)) == nil {
				hash.verified.Store(&remembered{mac: d.mac(secret), until: now.Add(rememberFor)})
				return c
			}
			spent += hash.work
		}
	}
	for ; spent < d.work && ctx.Err() == nil; spent++ {
		_ = d.compare(d.decoy, []byte(secret))
	}
	return nil
}

func (d *directory) mac(secret string) []byte {
	mac := hmac.New(sha256.New, d.key[:])
	mac.Write([]byte(secret))
	return mac.Sum(nil)
}

func (c *client) work() (sum int) {
	for _, hash := range c.hashes {
		sum += hash.work
	}
	return sum
}

// decoy is a hash of nothing known, for the time that comparing with it takes.
func decoy(cost int) []byte {
	return fmt.Appendf(nil, "$2a$%02d$%s", cost, strings.Repeat("O", 53))
}
