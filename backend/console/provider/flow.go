package provider

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Flow is one sign-in that was begun. The browser that began it has it until it comes back.
type Flow struct {
	// State comes back with the browser, Nonce is in the token that is issued, and Verifier is the secret half of PKCE.
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

// NewFlow returns one of which nobody knows anything.
func NewFlow() Flow {
	return Flow{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
}

// Begin returns the provider's page to which the browser is sent. Its error is [ErrAway].
func (p *Provider) Begin(ctx context.Context, f Flow) (address string, err error) {
	found, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	return found.AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), nil
}

// Finish takes the code that a browser brought back for a token, and returns who that is about. Whoever calls it has
// compared the state. The error is [ErrAway], or says why the code or the token is refused.
func (p *Provider) Finish(ctx context.Context, f Flow, code string) (Identity, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return Identity{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	given, err := found.Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return Identity{}, exchangeError(err)
	}
	raw, ok := given.Extra("id_token").(string)
	if !ok {
		return Identity{}, errors.New("the provider's answer has no id_token")
	}
	token, err := found.verifier.Verify(ctx, raw)
	if err != nil {
		return Identity{}, fmt.Errorf("the token of the provider: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(f.Nonce)) != 1 {
		return Identity{}, errors.New("the token of the provider was issued for another sign-in: its nonce differs")
	}
	return p.identify(token)
}

// exchangeError tells a provider that refuses a code, or this client, from one that is away.
func exchangeError(err error) error {
	refused := (*oauth2.RetrieveError)(nil)
	if !errors.As(err, &refused) {
		return fmt.Errorf("%w: %s", ErrAway, short(err))
	}
	status := refused.Response.StatusCode
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		return fmt.Errorf("%w: it answered %d", ErrAway, status)
	}
	// Its description could be anything.
	return fmt.Errorf("the provider refused the code or the client: status %d, error %.64q", status, refused.ErrorCode)
}
