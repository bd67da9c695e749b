package cli

import (
	"cmp"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/pflag"
)

const (
	// consoleAudience is that of the console's route only: the token of a link opens nothing else.
	consoleAudience = "botgate-console"
	// linkScope marks a token that is good once.
	linkScope = "console:login"
	linkTTL   = 10 * time.Minute
)

// consoleRoles are the scopes of the roles; each has those of the ones before.
var consoleRoles = []struct{ name, scope string }{
	{"viewer", "events:read"}, {"operator", "events:admin"}, {"admin", "console:admin"},
}

func consoleLinkCommand() caddycmd.Command {
	return command("console-link", "",
		"Prints a link that signs in to the console, once", `
Prints the address of the console with a token behind its #, which browsers send to nobody.
The link is good once, and for ten minutes. What its user may do there is said by --role:
a viewer sees events, an operator also replays dead letters, an admin also drops them.`,
		consoleLinkFlags, func(fl caddycmd.Flags) error {
			link, err := consoleLink(fl.String("url"), fl.String("data"), cmp.Or(fl.String("sub"), userHere()), fl.String("role"), fl.String("bot"))
			if err == nil {
				fmt.Println(link)
			}
			return err
		})
}

func consoleLinkFlags(flags *pflag.FlagSet) {
	flags.String("role", "viewer", "What the user may do: viewer, operator or admin")
	flags.String("sub", "", "The user that signs in (default: who runs the command)")
	flags.String("bot", "", "The one bot that the user may see (default: all)")
	flags.String("url", defaultBase(), "The gateway's address, as the browser has it")
}

// defaultBase is where the shipped Caddyfile listens.
func defaultBase() string { return "http://localhost:" + envOr(envHTTPPort, "8080") }

// userHere is who runs the command.
func userHere() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return tokenSubject
}

// consoleLink makes the link.
func consoleLink(base, data, sub, role, bot string) (string, error) {
	var scopes []string
	for _, r := range consoleRoles {
		scopes = append(scopes, r.scope)
		if r.name != role {
			continue
		}
		token, err := tokenSpec{
			issuer: tokenIssuer, audience: consoleAudience, user: sub, bot: bot, ttl: linkTTL,
			scope: strings.Join(slices.Concat([]string{linkScope}, scopes), " "),
		}.mint(data)
		return strings.TrimSuffix(base, "/") + "/console/login#t=" + token, err
	}
	return "", fmt.Errorf("option --role: %q is not viewer, operator or admin", role)
}
