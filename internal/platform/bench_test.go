package platform_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"slices"
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

// BenchmarkTwilio stands beside the bare HMAC-SHA1 of the same form.
func BenchmarkTwilio(b *testing.B) {
	vector := vectors(b)[slices.IndexFunc(vectors(b), func(v vector) bool { return v.ID == "twilio-01" })]
	p, req, secrets := vector.platform(b), vector.request(), []platform.Secret{vector.secret(b)}
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := p.Verify(req, secrets); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			mac := hmac.New(sha1.New, []byte("12345"))
			mac.Write(req.Body)
			_ = mac.Sum(nil)
		}
	})
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
		if deliver(b, p, req, document).Events[0].User != "21031067" {
			b.Fatal("wrong user")
		}
	}
}
