package botcache

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/botgate/botgate/modules/internal/pooled"
)

// maxVariants bounds the answers of one resource that differ by what they name in Vary.
const maxVariants = 16

// key names a resource: an address, and whom its answers are for.
type key struct {
	host, uri string
	// apart is what answers differ by that is not in the address: a digest of the caller and the option key.
	apart string
}

// resource is what is kept of one. It is not changed once it is kept.
type resource struct {
	// vary are the request's headers that the answers differ by.
	vary    []string
	answers map[string]*answer // By the values of those.
}

// answers are those that a handler keeps, bounded by their size. They may be used concurrently.
type answers struct {
	memory *otter.Cache[key, *resource]
}

func newAnswers(size int64) (*answers, error) {
	memory, err := otter.New(&otter.Options[key, *resource]{
		MaximumWeight: uint64(size),
		Weigher:       weigh,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[key, *resource]) time.Duration {
			return e.Value.left(time.Now())
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("making the cache: %w", err)
	}
	return &answers{memory}, nil
}

func weigh(k key, r *resource) uint32 {
	const perResource = 300
	total := perResource + len(k.host) + len(k.uri) + len(k.apart)
	for variant, a := range r.answers {
		total += len(variant) + a.size()
	}
	return uint32(min(total, 1<<31)) //nolint:gosec // Bounded.
}

// left is how long the last of its answers is worth keeping.
func (r *resource) left(now time.Time) time.Duration {
	longest := time.Duration(1)
	for _, a := range r.answers {
		longest = max(longest, a.left(now))
	}
	return longest
}

// with is the resource with one more answer. Where that differs by something else than those before it did, they can't
// be told apart any more, and are forgotten.
func (r *resource) with(a *answer, h http.Header) *resource {
	now := &resource{vary: a.vary(), answers: map[string]*answer{}}
	if r != nil && slices.Equal(r.vary, now.vary) {
		maps.Copy(now.answers, r.answers)
	}
	variant := variantOf(now.vary, h)
	if _, there := now.answers[variant]; !there && len(now.answers) >= maxVariants {
		delete(now.answers, now.oldest())
	}
	now.answers[variant] = a
	return now
}

func (r *resource) oldest() (variant string) {
	for v, a := range r.answers {
		if variant == "" || a.made.Before(r.answers[variant].made) {
			variant = v
		}
	}
	return variant
}

// variantOf are the values of the headers in a request, in a form that no value can imitate.
func variantOf(vary []string, h http.Header) string {
	digest := sha256.New()
	for _, name := range vary {
		fmt.Fprintf(digest, "%q", h[name])
	}
	return string(digest.Sum(nil))
}

// find returns the answer to a request; nil without one.
func (all *answers) find(k key, h http.Header) *answer {
	r, ok := all.memory.GetIfPresent(k)
	if !ok {
		return nil
	}
	return r.answers[variantOf(r.vary, h)]
}

// keep keeps the answer to a request with those headers.
func (all *answers) keep(k key, h http.Header, a *answer) {
	all.memory.Compute(k, func(before *resource, _ bool) (*resource, otter.ComputeOp) {
		return before.with(a, h), otter.WriteOp
	})
}

// drop forgets a resource.
func (all *answers) drop(k key) { all.memory.Invalidate(k) }

// purge forgets the resources at a host and path, whomever they are for, and returns their number. A path that ends
// with * stands for all that begin so; an empty host for all.
func (all *answers) purge(host, path string) (n int) {
	prefix, isPrefix := strings.CutSuffix(path, "*")
	for k := range all.memory.Keys() {
		at, _, _ := strings.Cut(k.uri, "?")
		if (host == "" || strings.EqualFold(host, k.host)) && (at == path || isPrefix && strings.HasPrefix(at, prefix)) {
			if _, there := all.memory.Invalidate(k); there {
				n++
			}
		}
	}
	return n
}

// bytes is the memory that they take, about.
func (all *answers) bytes() uint64 { return all.memory.WeightedSize() }

// Close ends what sees to the memory. Nothing may be asked of it from then on.
func (all *answers) Close() error {
	all.memory.StopAllGoroutines()
	return nil
}

// live are the caches of the handlers in use, for whoever purges or measures them.
var live = pooled.New[*Handler, *answers]()

func acquire(h *Handler) (*answers, error) {
	return live.Acquire(h, func() (*answers, error) { return newAnswers(h.Size) })
}

func release(h *Handler) error { return live.Release(h) }

// digest is what a key has of something secret.
func digest(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(sum, "%q", part)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
