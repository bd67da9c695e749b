package platform_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/botgate/botgate/internal/platform"
)

// A request is verified first, with each secret that the sender may sign with, and read then.
func Example() {
	github, err := platform.New("github", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	secret, err := github.ParseSecret([]byte("It's a Secret to Everybody"))
	if err != nil {
		fmt.Println(err)
		return
	}
	req := &platform.Request{
		Method: http.MethodPost, URL: "https://bots.example/hooks/demo/github", Header: http.Header{},
		Body: []byte(`{"ref":"refs/heads/main","repository":{"id":7},"sender":{"id":42}}`), Now: time.Now(),
	}
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-GitHub-Delivery", "72d3162e")
	req.Header.Set("X-Hub-Signature-256", "sha256=81d193ac46b15f1930ed227ed7a04b393a09219c840dd27075831e88002d319b")

	fmt.Println("verify:", github.Verify(req, []platform.Secret{secret}))
	delivery, err := github.Read(req, req.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	event := delivery.Events[0]
	fmt.Printf("type %s, user %s, order key %s, key %s\n", event.Type, event.User, event.OrderKey, event.Key.Value)

	req.Body = []byte(`{"ref":"refs/heads/other"}`)
	fmt.Println("another body:", github.Verify(req, []platform.Secret{secret}))
	// Output:
	// verify: <nil>
	// type github.push, user 42, order key 7, key 72d3162e
	// another body: signature_mismatch
}
