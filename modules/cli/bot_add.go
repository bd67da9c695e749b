package cli

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/outbound"
	"github.com/botgate/botgate/internal/secret"
)

// botSettings are the optional fields of a bot that have a flag of the same name.
var botSettings = []struct{ field, help string }{
	{"timeout", "Bound of one attempt, such as 10s"},
	{"give_up_after", "How old an event may get before it is dead, such as 72h"},
	{"min_backoff", "Pause after the first failed attempt, such as 1s"},
	{"max_backoff", "The longest pause, such as 10m"},
	{"max_retry_after", "The longest pause that the bot can ask for, such as 1h"},
	{"expire_after", "How old an event may be when it is delivered, such as 1h"},
	{"on_dead", "What becomes of an event that would be dead: skip or hold"},
	{"keep_answers", "Which answers are kept: off, failed or all"},
	{"answers", "For whom the bot's answers are: off for nobody, or platform"},
}

// botNumbers are those that are numbers.
var botNumbers = []struct{ field, help string }{
	{"max_attempts", "After how many attempts an event is dead"},
	{"queues", "Over how many queues of RabbitMQ its events are spread"},
}

// forwardHeaders is the one that is a list.
const forwardHeaders = "forward_headers"

// addition is one run of botgate bot add.
type addition struct {
	botEdit
	flags        *pflag.FlagSet
	url          string
	pull         bool
	allowPrivate bool
	// local is a bot of this machine, which needs no allowPrivate.
	local      bool
	secretFile string
	show       bool
}

func botAddCommand() *cobra.Command {
	var a addition
	cmd := onBots("add <name> --url <url> | --pull", "Adds a bot, and makes its secret", `
Adds a bot to the bots file and makes its secret: a file with mode 0600, in the form that the libraries of Standard
Webhooks read. Prints where that is, and what to put into the bot's environment. Settings that are left out have the
defaults of the bots file.

A bot with --pull asks for its events instead, with a token; it needs neither an address nor a secret.`, cobra.ExactArgs(1), func(e botEdit, args []string) error {
		a.botEdit = e
		return a.run(args[0])
	})
	a.flags = cmd.Flags()
	a.flags.StringVar(&a.url, "url", "", "Where its events are POSTed; http or https")
	a.flags.BoolVar(&a.pull, "pull", false, "It asks for its events, and has no address: docs/guides/pull.md")
	a.flags.BoolVar(&a.allowPrivate, "allow-private", false, "The address may be one of this machine or of a private network")
	a.flags.StringVar(&a.secretFile, "secret-file", "", "A file with a secret that the bot has already, relative to the bots file")
	a.flags.BoolVar(&a.show, "show-secret", false, "Print the secret, too")
	for _, s := range botSettings {
		a.flags.String(flagOf(s.field), "", s.help)
	}
	a.flags.StringSlice(flagOf(forwardHeaders), nil, "Headers of the platform that the bot gets, too, separated by commas")
	for _, s := range botNumbers {
		a.flags.Int(flagOf(s.field), 0, s.help)
	}
	return cmd
}

func flagOf(field string) string { return strings.ReplaceAll(field, "_", "-") }

func (a *addition) run(name string) error {
	switch {
	case a.pull && (a.url != "" || a.allowPrivate || a.secretFile != "" || a.show):
		return errors.New("--pull: a bot that asks for its events has no --url, --allow-private or secret")
	case !a.pull && a.url == "":
		return errors.New("--url is missing: where are the bot's events to be POSTed? A bot that asks for them has --pull instead")
	}
	if err := os.MkdirAll(filepath.Dir(a.path), 0o700); err != nil {
		return fmt.Errorf("making the folder of the bots file: %w", err)
	}
	fields := a.fields()
	file := a.secretFile
	made := ""
	err := bots.Edit(a.ctx, a.path, func(d *bots.Document) (err error) {
		if d.Has(name) {
			return fmt.Errorf("there is a bot %q already; botgate bot rotate changes its secret", name)
		}
		if err := bots.Check(name, fields...); err != nil {
			return a.privateHint(err)
		}
		if a.pull {
			return d.Add(name, fields...)
		}
		if file, err = a.secretOf(name); err != nil {
			return err
		}
		if a.secretFile == "" {
			made = a.beside(file)
		}
		return d.Add(name, append(fields, bots.Field{Name: "secret_files", Value: []string{file}})...)
	})
	if err != nil && made != "" {
		err = errors.Join(err, os.Remove(made))
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Added %s to %s.\n", name, a.path)
	if a.local {
		fmt.Fprintln(a.out, "The address is one of this machine, so the bot has allow_private.")
	}
	if a.pull {
		fmt.Fprintf(a.out, "It asks for its events with a token: botgate token --scope events:pull --bot %s\n", name)
	} else if err := a.tellSecret("Its", file, a.show); err != nil {
		return err
	}
	return a.tellGateway(name, accepts)
}

// secretOf makes the bot's secret, or checks the one that it has.
func (a *addition) secretOf(name string) (file string, err error) {
	if a.secretFile == "" {
		return a.makeSecret(name)
	}
	if _, err := secret.FromFile(a.beside(a.secretFile)); err != nil {
		return "", fmt.Errorf("--secret-file: %w", err)
	}
	return a.secretFile, nil
}

// fields are the settings that were given. A bot of this machine is what somebody tries first, so its address
// needs no word.
func (a *addition) fields() []bots.Field {
	fields := []bots.Field{{Name: "url", Value: a.url}}
	if a.pull {
		fields = []bots.Field{{Name: "pull", Value: true}}
	}
	if address, err := url.Parse(a.url); err == nil && !a.allowPrivate {
		scope, known := outbound.Literal(address.Hostname())
		a.local = known && scope == outbound.Loopback
	}
	if a.allowPrivate || a.local {
		fields = append(fields, bots.Field{Name: "allow_private", Value: true})
	}
	for _, s := range botSettings {
		if value, _ := a.flags.GetString(flagOf(s.field)); value != "" {
			fields = append(fields, bots.Field{Name: s.field, Value: value})
		}
	}
	if names, _ := a.flags.GetStringSlice(flagOf(forwardHeaders)); len(names) > 0 {
		fields = append(fields, bots.Field{Name: forwardHeaders, Value: names})
	}
	for _, s := range botNumbers {
		if a.flags.Changed(flagOf(s.field)) {
			value, _ := a.flags.GetInt(flagOf(s.field))
			fields = append(fields, bots.Field{Name: s.field, Value: value})
		}
	}
	return fields
}

// privateHint names the flag where the file's own words are meant.
func (a *addition) privateHint(err error) error {
	if inside := (*outbound.InsideError)(nil); errors.As(err, &inside) {
		return fmt.Errorf("--url: %w; add --allow-private if the bot is meant to be there", inside)
	}
	return err
}

// tellSecret says what the bot needs to check signatures; whose is how the secret is called.
func (e botEdit) tellSecret(whose, file string, show bool) error {
	path := e.beside(file)
	fmt.Fprintf(e.out, "%s secret is in %s. The bot checks webhook-signature with it, as WEBHOOK_SECRET for example.\n", whose, path)
	if !show {
		return nil
	}
	raw, err := secret.FromFile(path)
	if err == nil {
		fmt.Fprintf(e.out, "WEBHOOK_SECRET=%s\n", raw)
	}
	return err
}

// What a gateway that runs does once it has the bots file as it is now.
const (
	accepts   = "accepts events for"
	refuses   = "refuses events for"
	hasChange = "has the change of"
)

// tellGateway says whether a running gateway goes by the bots file as it is now: then it does that for the bot.
func (e botEdit) tellGateway(name, does string) error {
	const elsewhere = "Processes that run elsewhere notice it within 2 seconds, others at their start."
	found, err := lookAtFiles(e.address)
	if err != nil {
		fmt.Fprintf(e.out, "No gateway answers at %s. %s\n", e.address, elsewhere)
		return nil //nolint:nilerr // The file is changed, whoever runs.
	}
	for _, r := range found.Files {
		if (r.What == bots.WhatBots || r.What == bots.WhatQueues) && r.Error != "" {
			return fmt.Errorf("the gateway at %s refuses the bots file: %s", e.address, r.Error)
		}
	}
	if slices.Contains(found.Bots, name) != (does != refuses) {
		return fmt.Errorf("the gateway at %s goes by another bots file: --bots-file or --address names it", e.address)
	}
	fmt.Fprintf(e.out, "The gateway at %s %s %s now. %s\n", e.address, does, name, elsewhere)
	return nil
}
