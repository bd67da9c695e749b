// Package handler has what the hand-written handlers share: the order of the steps and the
// libraries that everybody takes, as their pages show them.
package handler

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/botgate/botgate/bench/peers/workload"
)

const (
	// Rate is how many requests a user may send in a second.
	Rate = 100
	// Burst is how many a user may send at once.
	Burst = 200
	// maxBody is the largest body that is read, in bytes.
	maxBody = 1 << 20
)

// Settings are what the bench tells in the environment.
type Settings struct {
	// Listen is the address to listen on, Redis and AMQP are URLs, and Queue is declared already.
	Listen, Redis, AMQP, Queue string
	// Secret verifies tokens.
	Secret []byte
}

// ReadSettings reads the environment.
func ReadSettings() Settings {
	return Settings{
		Listen: os.Getenv("PEER_LISTEN"), Redis: os.Getenv("PEER_REDIS"), AMQP: os.Getenv("PEER_AMQP"),
		Queue: os.Getenv("PEER_QUEUE"), Secret: []byte(os.Getenv("PEER_SECRET")),
	}
}

// Steps are those in which the handlers differ.
type Steps struct {
	// User returns the user of a token that is valid.
	User func(token string) (string, error)
	// Allow reports whether the user may send one more request.
	Allow func(ctx context.Context, user string) (bool, error)
	// Publish returns once the queue has the body durably.
	Publish func(ctx context.Context, user string, body []byte) error
}

// Serve serves until it fails.
func Serve(listen string, steps Steps) error {
	schema, err := compile()
	if err != nil {
		return fmt.Errorf("compiling the schema: %w", err)
	}
	http.Handle("POST "+workload.Path, &gateway{steps, schema})
	return http.ListenAndServe(listen, nil)
}

func compile() (*jsonschema.Schema, error) {
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(workload.Schema))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("order.json", schema); err != nil {
		return nil, err
	}
	return compiler.Compile("order.json")
}

// gateway accepts commands.
type gateway struct {
	Steps
	schema *jsonschema.Schema
}

// ServeHTTP answers once the queue has the command.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	user, err := g.User(token)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	switch allowed, err := g.Allow(r.Context(), user); {
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	case !allowed:
		http.Error(w, "too many requests", http.StatusTooManyRequests)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	if err := g.check(body); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	if err := g.Publish(r.Context(), user, body); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write([]byte(`{"status":"accepted"}`))
}

func (g *gateway) check(body []byte) error {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return g.schema.Validate(document)
}
