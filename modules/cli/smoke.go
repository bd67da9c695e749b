package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/botgate/botgate/internal/secret"
	"github.com/botgate/botgate/modules/internal/smoke"
)

// smokeTokens is how long the tokens that a smoke test makes are valid.
const smokeTokens = 10 * time.Minute

func smokeCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "smoke", Usage: "--bot <name>", Short: "Sends one event through a running Botgate, and follows it",
		Long: `
Checks that a gateway is ready and refuses a command without a token, sends one command to a bot, sends it again, and
waits until the API has it and the bot took it. Prints a line for each step, with how long it took. The exit code is 1
where one fails; the error says what to look at and which option to change, and the later steps are left out.

The bot gets a real event ({"command":"/smoke"}), so it should be one that is there for this. With --listen this command
is that bot: it takes what is delivered to it, and checks the signature.

The token is that of --token-file, or one that is made with the secret in the data folder. With the latter the event
belongs to a user that only smoke tests have, who is erased at the end. With the former the event stays until the
retention ends, as does one that was not delivered.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.SilenceUsage = true
			cmd.Args = cobra.NoArgs
			smokeFlags(cmd.Flags())
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
				defer stop()
				return runSmoke(ctx, caddycmd.Flags{FlagSet: cmd.Flags()}, cmd.OutOrStdout())
			}
		},
	}
}

func smokeFlags(flags *pflag.FlagSet) {
	flags.String("url", "http://127.0.0.1:"+envOr(envHTTPPort, "8080"), "The gateway, without a path ("+envHTTPPort+" has the port of the default)")
	flags.String("bot", "", "The bot that gets the event")
	flags.String("listen", "", "Address at which this command is the bot; the bots file must name it")
	flags.String("secret-file", "", "With --listen: the bot's secret (default: <bot>-bot.secret in the data folder)")
	flags.String("data", envOr(envData, "data"), "Folder with the secrets that botgate init makes ("+envData+")")
	flags.String("token-file", "", "A file with a token to send with")
	flags.Bool("keep", false, "Leave the event in the log")
	flags.Bool("without-event", false, "Check only what needs no token and no bot")
	flags.Duration("accept-within", time.Second, "How long the answer to the command may take")
	flags.Duration("timeout", 30*time.Second, "How long each step may take, and waits for what is to happen")
	flags.StringSlice("metrics", nil, "Addresses of metrics of processes, which must all have the same version")
	flags.String("expect-version", "", "The version that these must have")
}

func runSmoke(ctx context.Context, fl caddycmd.Flags, out io.Writer) (err error) {
	c, err := smokeConfig(fl)
	if err != nil {
		return err
	}
	c.Out = out
	if listen := fl.String("listen"); listen != "" && c.Token != "" {
		file := cmp.Or(fl.String("secret-file"), filepath.Join(fl.String("data"), c.Bot+"-bot"+secretFileType))
		bot, err := startExampleBot(ctx, file, listen, io.Discard)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, bot.stop(context.WithoutCancel(ctx))) }()
		c.Answered = bot.hasSeen
	}
	return smoke.Run(ctx, c)
}

func smokeConfig(fl caddycmd.Flags) (smoke.Config, error) {
	metrics, err := fl.GetStringSlice("metrics")
	c := smoke.Config{
		URL: fl.String("url"), Bot: fl.String("bot"), AcceptWithin: fl.Duration("accept-within"), Timeout: fl.Duration("timeout"),
		Metrics: metrics, Version: fl.String("expect-version"),
	}
	switch {
	case err != nil:
		return c, fmt.Errorf("option --metrics: %w", err)
	case !strings.HasPrefix(c.URL, "http://") && !strings.HasPrefix(c.URL, "https://"):
		return c, fmt.Errorf("option --url: %q is not an address like https://bots.example", c.URL)
	case c.Timeout <= 0 || c.AcceptWithin <= 0:
		return c, errors.New("options --timeout and --accept-within: must be positive")
	case c.Version != "" && len(metrics) == 0:
		return c, errors.New("option --expect-version: --metrics is missing, which has the addresses to ask")
	case fl.Bool("without-event"):
		// Asked without a token, the gateway says no more of one bot than of another.
		c.Bot = cmp.Or(c.Bot, demoBot)
		return c, nil
	case c.Bot == "":
		return c, errors.New("option --bot is missing: which bot is to get the event? --without-event sends none")
	}
	return c, addTokens(&c, fl)
}

// addTokens reads the token to send with, or makes one and another to erase with.
func addTokens(c *smoke.Config, fl caddycmd.Flags) error {
	if file := fl.String("token-file"); file != "" {
		token, err := secret.FromFile(file)
		if err != nil {
			return fmt.Errorf("option --token-file: %w", err)
		}
		c.Token = string(token)
		return nil
	}
	spec := tokenSpec{
		issuer: tokenIssuer, audience: tokenAudience, user: smokeUser(), scope: tokenScope, bot: c.Bot, ttl: smokeTokens,
	}
	var err error
	if c.Token, err = spec.mint(fl.String("data")); err != nil {
		return fmt.Errorf("making a token (--token-file gives one, --data says where jwt.secret is): %w", err)
	}
	if !fl.Bool("keep") {
		spec.scope, spec.bot = "events:admin", ""
		c.EraseToken, err = spec.mint(fl.String("data"))
	}
	return err
}

// smokeUser is one of 256 users: tests that run at once hardly meet, and what is kept of erased users stays small.
func smokeUser() string {
	one := make([]byte, 1)
	_, _ = rand.Read(one) // It never fails: see its documentation.
	return fmt.Sprintf("botgate-smoke-%02x", one)
}
