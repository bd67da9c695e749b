package botsignature

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/problem"
)

// sender is a platform with the secrets that it may sign with.
type sender struct {
	platform.Platform
	name    string
	secrets secretSource
	// accounts are names of whose secrets these are, see [delivery.Delivery].
	accounts []string
	// sealed is not nil where the same signed bytes are a repeat; always, or but for deliveries that
	// can be equal by themselves.
	sealed       platform.Sealed
	always       bool
	unauthorized *problem.Problem
}

func newSender(name string, p platform.Platform, secrets secretSource, c *PlatformConfig) *sender {
	s := &sender{
		Platform: p, name: name, secrets: secrets, accounts: c.accounts(p),
		unauthorized: problem.New(http.StatusUnauthorized, "invalid-signature", "The signature was not accepted.").
			WithHeader("WWW-Authenticate", fmt.Sprintf("Signature realm=%q", name)),
	}
	if c.ReplayByBody == nil || *c.ReplayByBody {
		s.sealed, _ = p.(platform.Sealed)
		s.always = c.ReplayByBody != nil
	}
	return s
}

// accounts are the names that the configuration has for the account. A secret's place stays the same
// when the secret is replaced there, on every gateway that is set up alike.
func (c *PlatformConfig) accounts(p platform.Platform) []string {
	if c.Sender != "" {
		return []string{"sender " + c.Sender}
	}
	var names []string
	for _, file := range c.Files {
		names = append(names, "file "+fromHere(file))
	}
	for _, env := range c.Envs {
		names = append(names, "env "+env)
	}
	if keyed, ok := p.(platform.Keyed); ok && names == nil {
		names = []string{"audience " + keyed.Audience()}
	}
	return names
}

// fromHere returns the path from the working directory for what is in it, however it is written.
func fromHere(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	here, err := os.Getwd()
	if err != nil {
		return absolute
	}
	if relative, err := filepath.Rel(here, absolute); err == nil && filepath.IsLocal(relative) {
		return filepath.ToSlash(relative)
	}
	return filepath.ToSlash(absolute)
}

// signed is for each event the SHA-256 of what was signed, where the same bytes are a repeat.
func (s *sender) signed(req *platform.Request, events []platform.Event) [][]byte {
	if s.sealed == nil {
		return nil
	}
	var digest []byte
	signed := make([][]byte, len(events))
	for i, e := range events {
		if !e.Key.RepeatsByBody(s.always) {
			continue
		}
		if digest == nil {
			sum := sha256.New()
			for _, part := range s.sealed.Signed(req) {
				sum.Write(part)
			}
			digest = sum.Sum(nil)
		}
		signed[i] = digest
	}
	return signed
}

// verify returns why the request may not pass, or nil.
func (s *sender) verify(ctx context.Context, req *platform.Request) *refusal {
	return s.try(ctx, func(secrets []platform.Secret) error { return s.Verify(req, secrets) })
}

// verifyHead does the same as far as it goes without the body. With a function the sender is known, and
// that says what the body has against it; platforms that sign the body have none.
func (s *sender) verifyHead(ctx context.Context, req *platform.Request) (checkBody func([]byte) error, refused *refusal) {
	head, ok := s.Platform.(platform.HeadVerifier)
	if !ok {
		return nil, nil
	}
	refused = s.try(ctx, func(secrets []platform.Secret) (err error) {
		checkBody, err = head.VerifyHead(req, secrets)
		return err
	})
	return checkBody, refused
}

// try verifies with the secrets of now, and with newer ones where a key is not among them.
func (s *sender) try(ctx context.Context, verify func([]platform.Secret) error) *refusal {
	secrets, err := s.secrets.Secrets(ctx)
	if err != nil {
		return &refusal{outcomeKeysUnavailable, keysUnavailable}
	}
	reason := reasonOf(verify(secrets))
	if reason == platform.UnknownKey {
		if secrets, err = s.secrets.Newest(ctx); err != nil {
			return &refusal{outcomeKeysUnavailable, keysUnavailable}
		}
		reason = reasonOf(verify(secrets))
	}
	if reason == "" {
		return nil
	}
	return s.refusal(reason)
}

// refusal does not tell the sender what was wrong: that helps only those who try signatures out.
func (s *sender) refusal(reason platform.Reason) *refusal {
	return &refusal{string(reason), s.unauthorized}
}

// reasonOf returns why a request was refused, or "".
func reasonOf(err error) platform.Reason {
	if err == nil {
		return ""
	}
	reason := platform.SignatureMismatch
	errors.As(err, &reason)
	return reason
}
