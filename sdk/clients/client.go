//go:build generated

// Package clients is what a caller of the API would write; it has to compile with what oapi-codegen makes of the document.
package clients

import (
	"context"
	"fmt"
	"net/http"
)

// Ask sends a command, and returns what became of the event.
func Ask(ctx context.Context, server, token string) (*Event, error) {
	client, err := NewClientWithResponses(server, WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}))
	if err != nil {
		return nil, err
	}
	var args any = []string{"you"}
	sent, err := client.SendCommandWithResponse(ctx, "demo", nil, SendCommandJSONRequestBody{Command: "/hello", Args: &args})
	if err != nil {
		return nil, err
	}
	if sent.JSON202 == nil {
		return nil, fmt.Errorf("the command was answered with %s", sent.Status())
	}
	wait := "30s"
	found, err := client.GetEventWithResponse(ctx, sent.JSON202.Id, &GetEventParams{Wait: &wait})
	if err != nil {
		return nil, err
	}
	user, err := client.GetUserWithResponse(ctx, "alice", nil)
	if err != nil || user.JSON200 == nil || len(user.JSON200.Bots) == 0 {
		return nil, fmt.Errorf("no user: %w", err)
	}
	if found.JSON200 == nil {
		return nil, fmt.Errorf("the event was answered with %s", found.Status())
	}
	event, err := found.JSON200.AsEvent() // AsEventFields where the parameter fields is given.
	return &event, err
}
