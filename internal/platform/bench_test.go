package platform_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/botgate/botgate/internal/platform"
)

// BenchmarkVerify stands beside BenchmarkBareHMAC, the least that any verification costs.
func BenchmarkVerify(b *testing.B) {
	for _, name := range platform.Names() {
		for _, size := range []int{512, 8 << 10, 64 << 10} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				p, body, now := get(b, name), make([]byte, size), time.Unix(standardAt, 0)
				secret := parse(b, p, other)
				secrets := []platform.Secret{secret}
				req := &platform.Request{Header: p.Sign(secret, "msg_1", now, body), Body: body, Now: now}
				b.ReportAllocs()
				b.SetBytes(int64(size))
				for b.Loop() {
					if err := p.Verify(req, secrets); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkBareHMAC(b *testing.B) {
	for _, size := range []int{512, 8 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			key, body := make([]byte, 32), make([]byte, size)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				mac := hmac.New(sha256.New, key)
				mac.Write(body)
				_ = mac.Sum(nil)
			}
		})
	}
}

func BenchmarkGitHubFacts(b *testing.B) {
	commit := `{"id":"0123456789abcdef","message":"a line of \"text\"","author":{"name":"someone","id":5},"added":["a","b"]},`
	document := []byte(`{"commits":[` + strings.TrimSuffix(strings.Repeat(commit, 200), ",") +
		`],"repository":{"name":"r","id":186853002},"sender":{"login":"o","id":21031067}}`)
	p, req := get(b, "github"), &platform.Request{}
	b.ReportAllocs()
	b.SetBytes(int64(len(document)))
	for b.Loop() {
		if p.Facts(req, document).User != "21031067" {
			b.Fatal("wrong user")
		}
	}
}
