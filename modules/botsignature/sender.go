package botsignature

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/problem"
)

// sender is a platform with the secrets that it may sign with.
type sender struct {
	platform.Platform
	name         string
	secrets      secretSource
	unauthorized *problem.Problem
}

func newSender(name string, p platform.Platform, secrets secretSource) *sender {
	return &sender{
		Platform: p, name: name, secrets: secrets,
		unauthorized: problem.New(http.StatusUnauthorized, "invalid-signature", "The signature was not accepted.").
			WithHeader("WWW-Authenticate", fmt.Sprintf("Signature realm=%q", name)),
	}
}

// verify returns why the request may not pass, or nil.
func (s *sender) verify(ctx context.Context, req *platform.Request) *refusal {
	secrets, err := s.secrets.Secrets(ctx)
	if err != nil {
		return &refusal{outcomeKeysUnavailable, keysUnavailable}
	}
	reason := reasonOf(s.Verify(req, secrets))
	if reason == platform.UnknownKey {
		if newer, ok := s.secrets.Newer(ctx); ok {
			reason = reasonOf(s.Verify(req, newer))
		}
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
