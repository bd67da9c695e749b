package platform_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/botgate/botgate/internal/platform"
)

// BenchmarkVerify stands beside BenchmarkBareHMAC, the least that any verification costs.
func BenchmarkVerify(b *testing.B) {
	for _, name := range platform.Names() {
		for _, size := range []int{512, 8 << 10, 64 << 10} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				p := get(b, name)
				signer, ok := p.(platform.Signer)
				if !ok {
					b.Skip("its signatures are not made with a shared secret")
				}
				secret := parse(b, p, otherSecret(name))
				secrets := []platform.Secret{secret}
				req := signedRequest(signer, secret, strings.Repeat("x", size))
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

func BenchmarkGitHubRead(b *testing.B) {
	commit := `{"id":"0123456789abcdef","message":"a line of \"text\"","author":{"name":"someone","id":5},"added":["a","b"]},`
	document := []byte(`{"commits":[` + strings.TrimSuffix(strings.Repeat(commit, 200), ",") +
		`],"repository":{"name":"r","id":186853002},"sender":{"login":"o","id":21031067}}`)
	p, req := get(b, "github"), &platform.Request{}
	b.ReportAllocs()
	b.SetBytes(int64(len(document)))
	for b.Loop() {
		if p.Read(req, document).Events[0].User != "21031067" {
			b.Fatal("wrong user")
		}
	}
}
