package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/secret"
	"github.com/botgate/botgate/modules/internal/listen"
)

// listenTokens is how long a token is valid that listen makes for one request or one stream.
const listenTokens = 20 * time.Minute

func listenCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "listen", Usage: "--forward <url>", Short: "Hands the events of a bot to a server of this machine",
		Long: `
Asks a gateway for the events of a bot that pulls ("pull": true in the bots file), POSTs each to --forward as it would be
sent to the bot's url, with the same headers, and settles it by the status: 2xx is taken, 503 is tried again, 422 is given
up, and so on, as docs/guides/bots.md says. Prints a line for each event. Several that run share the events.

With --tap it copies what is accepted for a bot from now on, which the bot gets as ever, whether it pulls or not: the safe
way to look at what a bot in use gets. What --forward answers changes nothing then.

In a terminal, "r" and Enter hand the last event over once more, which settles nothing.

Events are signed with the secret that is printed at the start, for this run alone, or with that of --secret-file.

The token is that of --token-file, with the scope events:pull, or events:read for --tap; or one that is made with the
secret in the data folder.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.SilenceUsage = true
			cmd.Args = cobra.NoArgs
			listenFlags(cmd.Flags())
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
				defer stop()
				return runListen(ctx, caddycmd.Flags{FlagSet: cmd.Flags()}, cmd.OutOrStdout(), typed(cmd.InOrStdin()))
			}
		},
	}
}

func listenFlags(flags *pflag.FlagSet) {
	flags.String("forward", "", "Where events are POSTed, such as http://localhost:3000")
	flags.String("url", "http://127.0.0.1:"+envOr(envHTTPPort, "8080"), "The gateway, without a path ("+envHTTPPort+" has the port of the default)")
	flags.String("bot", demoBot, "The bot whose events they are")
	flags.StringSlice("types", nil, "Only events of these types, in which * stands for any text, such as telegram.*")
	flags.Bool("tap", false, "Copy what is accepted, and take nothing")
	flags.Duration("timeout", 10*time.Second, "How long one answer may take")
	flags.String("secret-file", "", "A file with the secret to sign with (default: one for this run, which is printed)")
	flags.String("data", envOr(envData, "data"), "Folder with the secrets that botgate init makes ("+envData+")")
	flags.String("token-file", "", "A file with a token")
}

// typed has a value for each "r" that somebody types; nil where nobody can. Its goroutine ends with the input, which in a
// terminal is with the process.
func typed(in io.Reader) <-chan struct{} {
	if file, ok := in.(*os.File); ok && !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	again := make(chan struct{})
	go func() {
		for lines := bufio.NewScanner(in); lines.Scan(); {
			if strings.TrimSpace(lines.Text()) == "r" {
				again <- struct{}{}
			}
		}
	}()
	return again
}

func runListen(ctx context.Context, fl caddycmd.Flags, out io.Writer, again <-chan struct{}) error {
	c, err := listenConfig(fl)
	if err != nil {
		return err
	}
	c.Out, c.Again = out, again
	what := "events of"
	if c.Tap {
		what = "copies of events of"
	}
	_, _ = fmt.Fprintf(out, "%s the bot %s from %s go to %s\n", what, c.Bot, c.URL, c.Forward)
	if fl.String("secret-file") == "" {
		_, _ = fmt.Fprintf(out, "they are signed with %s\n", c.Secret)
	}
	if again != nil {
		_, _ = fmt.Fprintln(out, "r and Enter send the last one again")
	}
	return listen.Run(ctx, c)
}

func listenConfig(fl caddycmd.Flags) (listen.Config, error) {
	types, err := fl.GetStringSlice("types")
	c := listen.Config{
		URL: strings.TrimSuffix(fl.String("url"), "/"), Bot: fl.String("bot"), Types: types, Forward: fl.String("forward"),
		Tap: fl.Bool("tap"), Timeout: fl.Duration("timeout"), Token: listenToken(fl),
	}
	switch {
	case err != nil:
		return c, fmt.Errorf("option --types: %w", err)
	case c.Forward == "":
		return c, errors.New("option --forward is missing: where do events go, such as http://localhost:3000?")
	case !strings.HasPrefix(c.URL, "http://") && !strings.HasPrefix(c.URL, "https://"):
		return c, fmt.Errorf("option --url: %q is not an address like https://bots.example", c.URL)
	case !event.ValidBot(c.Bot):
		return c, fmt.Errorf("option --bot: %q is not a bot's name", c.Bot)
	case c.Timeout <= 0 || c.Timeout > 10*time.Minute:
		return c, errors.New("option --timeout: must be more than 0, and at most 10m")
	}
	if err := c.Types.Check(); err != nil {
		return c, fmt.Errorf("option --types: %w", err)
	}
	if file := fl.String("secret-file"); file != "" {
		raw, err := secret.FromFile(file)
		if err != nil {
			return c, fmt.Errorf("option --secret-file: %w", err)
		}
		c.Secret = string(raw)
		return c, nil
	}
	random := make([]byte, 24)
	_, _ = rand.Read(random) // It never fails: see its documentation.
	c.Secret = "whsec_" + base64.StdEncoding.EncodeToString(random)
	return c, nil
}

// listenToken reads a token, or makes one, for each request.
func listenToken(fl caddycmd.Flags) func() (string, error) {
	return func() (string, error) {
		if file := fl.String("token-file"); file != "" {
			token, err := secret.FromFile(file)
			if err != nil {
				return "", fmt.Errorf("option --token-file: %w", err)
			}
			return string(token), nil
		}
		spec := tokenSpec{
			issuer: tokenIssuer, audience: tokenAudience, user: "botgate-listen", scope: "events:pull events:read", bot: fl.String("bot"), ttl: listenTokens,
		}
		token, err := spec.mint(fl.String("data"))
		if err != nil {
			return "", fmt.Errorf("making a token (--token-file gives one, --data says where jwt.secret is): %w", err)
		}
		return token, nil
	}
}
