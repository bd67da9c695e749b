package idempotency

import (
	"context"
	"crypto/sha256"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/botgate/botgate/internal/testsvc"
)

// request is what most clients send: a key, and a body of some hundred bytes.
var request = []byte(`{"command":"/remind","text":"` + strings.Repeat("x", 400) + `"}`)

// benchmarkOnce claims and finishes new keys, with the hashing of key and body.
func benchmarkOnce(b *testing.B, url string) {
	s, _ := newStore(b, url)
	var next atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			key := Key(sha256.Sum256([]byte(b.Name() + strconv.FormatInt(next.Add(1), 10))))
			claim := s.Begin(context.Background(), patient, key, sha256.Sum256(request))
			if claim.State == First {
				s.Finish(claim, answer)
			}
		}
	})
}

// BenchmarkOnce is a request under a new key: claim and finish.
func BenchmarkOnce(b *testing.B) {
	b.Run("Process", func(b *testing.B) { benchmarkOnce(b, "") })
	b.Run("Redis", func(b *testing.B) { benchmarkOnce(b, testsvc.Redis(b)) })
}

// BenchmarkRepeat is a request that was answered before.
func BenchmarkRepeat(b *testing.B) {
	s, _ := newStore(b, "")
	key := newKey()
	s.Finish(s.Begin(b.Context(), patient, key, body), answer)
	b.ReportAllocs()
	for b.Loop() {
		if s.Begin(context.Background(), patient, key, body).State != Repeat {
			b.Fatal("not a repeat")
		}
	}
}
