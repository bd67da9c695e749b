package cli

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/spf13/pflag"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/secret"
)

// The claims of tokens for the shipped Caddyfile.
const (
	tokenIssuer   = "botgate"
	tokenAudience = "botgate"
	tokenSubject  = "demo-user"
	tokenScope    = "commands:write events:read"
)

func tokenCommand() caddycmd.Command {
	return command("token", "",
		"Prints a token for the shipped Caddyfile", `
Prints a JSON Web Token (HS256) signed with the secret in the data folder, as bot_jwt of
the shipped Caddyfile accepts it. For development and scripts; users of a deployment
get their tokens from its identity provider.`, tokenFlags, func(fl caddycmd.Flags) error {
			token, err := mintToken(fl)
			if err == nil {
				fmt.Println(token)
			}
			return err
		})
}

func tokenFlags(flags *pflag.FlagSet) {
	flags.String("sub", tokenSubject, "The user that the token stands for")
	flags.String("scope", tokenScope, "Scopes, separated by spaces")
	flags.String("bot", "", "The one bot that the token is for (default: all)")
	flags.String("jti", "", "The token's id, by which \"botgate revoke --jti\" ends it (default: a random one)")
	flags.Duration("ttl", time.Hour, "How long the token is valid")
	flags.String("iss", tokenIssuer, "The issuer")
	flags.String("aud", tokenAudience, "The audience")
}

func mintToken(fl caddycmd.Flags) (string, error) {
	return specOf(fl).mint(fl.String("data"))
}

// tokenSpec says what a token is to be.
type tokenSpec struct {
	issuer, audience, user, scope string
	// bot is the one that the token is for; empty: all. id is random where it is empty.
	bot, id string
	ttl     time.Duration
}

func specOf(fl caddycmd.Flags) tokenSpec {
	return tokenSpec{
		issuer: fl.String("iss"), audience: fl.String("aud"), user: fl.String("sub"), scope: fl.String("scope"),
		bot: fl.String("bot"), id: fl.String("jti"), ttl: fl.Duration("ttl"),
	}
}

// mint signs the token with the secret in the data folder.
func (s tokenSpec) mint(data string) (string, error) {
	claims, err := s.claims(time.Now())
	if err != nil {
		return "", err
	}
	key, err := secret.FromFile(filepath.Join(data, jwtSecretFile))
	if err != nil {
		return "", err
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(key)
}

// claims are those of the token. One for all bots has no claim "bot".
func (s tokenSpec) claims(now time.Time) (jwt.MapClaims, error) {
	if s.ttl <= 0 {
		return nil, errors.New("option --ttl: must be positive")
	}
	if s.user == "" || strings.TrimSpace(s.user) != s.user {
		return nil, errors.New("option --sub: must not be empty, nor have spaces at its ends")
	}
	claims := jwt.MapClaims{
		"iss":   s.issuer,
		"aud":   s.audience,
		"sub":   s.user,
		"scope": s.scope,
		"jti":   cmp.Or(s.id, uuid.NewString()),
		"iat":   now.Unix(),
		"exp":   now.Add(s.ttl).Unix(),
	}
	if s.bot != "" {
		if !event.ValidBot(s.bot) {
			return nil, fmt.Errorf("option --bot: %q is not a bot's name: only letters, digits, '-' and '_', at most 64", s.bot)
		}
		claims["bot"] = s.bot
	}
	return claims, nil
}
