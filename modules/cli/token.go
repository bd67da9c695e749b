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
	if fl.Duration("ttl") <= 0 {
		return "", errors.New("option --ttl: must be positive")
	}
	if sub := fl.String("sub"); sub == "" || strings.TrimSpace(sub) != sub {
		return "", errors.New("option --sub: must not be empty, nor have spaces at its ends")
	}
	claims, err := tokenClaims(fl, time.Now())
	if err != nil {
		return "", err
	}
	key, err := secret.FromFile(filepath.Join(fl.String("data"), jwtSecretFile))
	if err != nil {
		return "", err
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(key)
}

// tokenClaims are those of the flags. A token for all bots has no claim "bot".
func tokenClaims(fl caddycmd.Flags, now time.Time) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{
		"iss":   fl.String("iss"),
		"aud":   fl.String("aud"),
		"sub":   fl.String("sub"),
		"scope": fl.String("scope"),
		"jti":   cmp.Or(fl.String("jti"), uuid.NewString()),
		"iat":   now.Unix(),
		"exp":   now.Add(fl.Duration("ttl")).Unix(),
	}
	if bot := fl.String("bot"); bot != "" {
		if !event.ValidBot(bot) {
			return nil, fmt.Errorf("option --bot: %q is not a bot's name: only letters, digits, '-' and '_', at most 64", bot)
		}
		claims["bot"] = bot
	}
	return claims, nil
}
