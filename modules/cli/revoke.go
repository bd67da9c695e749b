package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/pflag"

	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/revocation"
	"github.com/botgate/botgate/internal/rfc3339"
)

// revokeTimeout bounds the whole command.
const revokeTimeout = 10 * time.Second

func revokeCommand() caddycmd.Command {
	return command("revoke", "(--jti <id> | --sub <user>)",
		"Ends tokens before they expire", `
Ends one token by its claim "jti", or all that a user got before a time. The running gateway writes the
revocation to where it looks for them (its Redis, or revocations.json in its data folder), and all
gateways whose bot_jwt has the option "revocation" and that look there refuse the tokens from the next
second on. Where it can't be asked, or looks for none, nothing is revoked and the command fails.

While no gateway runs, --redis or --file says where the next one will look.

It is forgotten after --for, which must be no shorter than tokens are valid.`, revokeFlags, func(fl caddycmd.Flags) error {
			what, err := revoke(fl)
			if err == nil {
				fmt.Println(what)
			}
			return err
		})
}

func revokeFlags(flags *pflag.FlagSet) {
	flags.String("jti", "", "The token's id, its claim \"jti\"")
	flags.String("sub", "", "The user whose tokens end")
	flags.String("before", "", "With --sub: tokens issued before this time end, such as 2026-01-31T12:00:00Z (default: now)")
	flags.Duration("for", 24*time.Hour, "How long the revocation is kept")
	addressFlag(flags)
	flags.String("redis", "", "Asks no gateway and writes to the Redis at this address")
	flags.String("file", "", "Asks no gateway and writes to this file, such as data/"+revocation.FileName)
}

// revoke returns a line that says what was done.
func revoke(fl caddycmd.Flags) (string, error) {
	entry, err := revocationOf(fl, time.Now())
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), revokeTimeout)
	defer cancel()
	places, err := writeRevocation(ctx, fl, entry)
	if err != nil {
		return "", fmt.Errorf("nothing was revoked: %w", err)
	}
	return fmt.Sprintf("Revoked in %s until %s. Gateways with the option revocation know within a second.",
		strings.Join(places, " and "), entry.Until.UTC().Format(time.RFC3339)), nil
}

// writeRevocation returns where the entry was written to.
func writeRevocation(ctx context.Context, fl caddycmd.Flags, entry revocation.Entry) ([]string, error) {
	address, path := fl.String("redis"), fl.String("file")
	var store revocation.Store
	switch {
	case address != "" && path != "":
		return nil, errors.New("give either --redis or --file")
	case address != "":
		client, err := redisclient.Open(address)
		if err != nil {
			return nil, fmt.Errorf("option --redis: %w", err)
		}
		defer func() { _ = client.Close() }()
		store = revocation.NewRedis(client)
	case path != "":
		store = revocation.NewFile(path)
	default:
		var answer struct{ Places []string }
		err := askGateway(fl.String("address"), http.MethodPost, "/botgate/revocations", entry, &answer)
		return answer.Places, err
	}
	return []string{store.String()}, store.Revoke(ctx, entry)
}

func revocationOf(fl caddycmd.Flags, now time.Time) (revocation.Entry, error) {
	entry := revocation.Entry{JTI: fl.String("jti"), Subject: fl.String("sub"), Until: now.Add(fl.Duration("for"))}
	before := fl.String("before")
	switch {
	case (entry.JTI == "") == (entry.Subject == ""):
		return entry, errors.New("give either --jti or --sub")
	case fl.Duration("for") <= 0:
		return entry, errors.New("option --for: must be positive")
	case entry.JTI != "" && before != "":
		return entry, errors.New("option --before: it goes with --sub")
	case entry.JTI != "":
		return entry, nil
	case before == "":
		// Tokens carry whole seconds: one of this second may be from before this moment.
		entry.Before = now.Truncate(time.Second).Add(time.Second)
		return entry, nil
	}
	var err error
	if entry.Before, err = rfc3339.Parse(before); err != nil {
		return entry, fmt.Errorf("option --before: %q is not a time like 2026-01-31T12:00:00Z", before)
	}
	return entry, nil
}
