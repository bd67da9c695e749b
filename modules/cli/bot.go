package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/botgate/botgate/internal/bots"
)

func botCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "bot", Usage: "add|list|remove|rotate", Short: "Edits the bots file, and makes bots' secrets",
		Long: `
Works on the bots file, while gateways and backends run or not. They follow the file: nothing is restarted.`,
		CobraFunc: func(cmd *cobra.Command) {
			group(cmd, botAddCommand(), botListCommand(), botRemoveCommand(), botRotateCommand())
		},
	}
}

// botEdit is what the commands on the bots file share.
type botEdit struct {
	ctx  context.Context
	out  io.Writer
	path string
	// address is that of the admin endpoint of a gateway that may run.
	address string
}

// onBots makes a command on the bots file of a bot that it is given the name of.
func onBots(use, short, long string, args cobra.PositionalArgs, run func(botEdit, []string) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: args, SilenceUsage: true}
	cmd.Flags().String("data", envOr(envData, "data"), "Folder with the bots file and the secrets ("+envData+")")
	cmd.Flags().String("bots-file", envOr("BOTGATE_BOTS_FILE", ""), "The bots file (BOTGATE_BOTS_FILE; default bots.json in the folder)")
	addressFlag(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		fl := caddycmd.Flags{FlagSet: cmd.Flags()}
		path := fl.String("bots-file")
		if path == "" {
			path = filepath.Join(fl.String("data"), botsFile)
		}
		return run(botEdit{cmd.Context(), cmd.OutOrStdout(), path, fl.String("address")}, args)
	}
	return cmd
}

func botListCommand() *cobra.Command {
	return onBots("list", "Lists the bots, without their secrets", `
Lists the bots of the bots file: their addresses, where their secrets are, and over how many queues of RabbitMQ
they are spread.`, cobra.NoArgs, func(e botEdit, _ []string) error {
		listed, err := bots.List(e.path)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "NAME\tURL\tSECRETS\tQUEUES")
		for _, b := range listed {
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\n", b.Name, b.URL, strings.Join(b.Secrets, ", "), b.Queues)
		}
		return table.Flush()
	})
}

func botRemoveCommand() *cobra.Command {
	return onBots("remove <name>", "Takes a bot out of the bots file", `
Takes a bot out of the bots file. Requests for it are answered 404 from then on. What waits for it in the queue is
kept, and delivered once it is there again; the log of dispatch says how much that is. Its secret files stay.`,
		cobra.ExactArgs(1), func(e botEdit, args []string) error {
			name := args[0]
			var secrets []string
			err := bots.Edit(e.ctx, e.path, func(d *bots.Document) (err error) {
				if secrets, err = d.SecretFiles(name); err != nil {
					return err
				}
				return d.Remove(name)
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(e.out, "Removed %s from %s. What waits for it stays in the queue.\n", name, e.path)
			e.tellUnused(secrets)
			return e.tellGateway(name, refuses)
		})
}

func botRotateCommand() *cobra.Command {
	var finish, show bool
	cmd := onBots("rotate <name>", "Changes a bot's secret without a refused delivery", `
Makes a new secret beside the one that a bot has. From then on each delivery carries a signature of each. Give the
bot the new one, and once it has it, run the command again with --finish: then the new one alone is used.`,
		cobra.ExactArgs(1), func(e botEdit, args []string) error {
			if finish {
				return e.finishRotation(args[0])
			}
			return e.rotate(args[0], show)
		})
	cmd.Flags().BoolVar(&finish, "finish", false, "End a rotation: use the newest secret alone")
	cmd.Flags().BoolVar(&show, "show-secret", false, "Print the new secret, too")
	return cmd
}

func (e botEdit) rotate(name string, show bool) error {
	var file string
	err := bots.Edit(e.ctx, e.path, func(d *bots.Document) error {
		files, err := d.SecretFiles(name)
		if err != nil {
			return err
		}
		if len(files) > 1 {
			return fmt.Errorf("bot %s has several secrets already (%s): end its rotation with --finish first",
				name, strings.Join(files, ", "))
		}
		if file, err = e.makeSecret(name); err != nil {
			return err
		}
		return d.SetSecretFiles(name, append(files, file))
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Deliveries to %s are signed with the old and the new secret now.\n", name)
	if err := e.tellSecret("The new", file, show); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Once the bot has it: botgate bot rotate %s --finish\n", name)
	return e.tellGateway(name, hasChange)
}

func (e botEdit) finishRotation(name string) error {
	var old []string
	err := bots.Edit(e.ctx, e.path, func(d *bots.Document) error {
		files, err := d.SecretFiles(name)
		if err != nil {
			return err
		}
		if len(files) < 2 {
			return fmt.Errorf("bot %s is in no rotation: it has %d secret files", name, len(files))
		}
		old = files[:len(files)-1]
		return d.SetSecretFiles(name, files[len(files)-1:])
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Deliveries to %s are signed with its newest secret alone.\n", name)
	e.tellUnused(old)
	return e.tellGateway(name, hasChange)
}

// makeSecret makes a file with a new secret of a bot beside the bots file, and returns its name.
func (e botEdit) makeSecret(name string) (string, error) {
	const most = 1000
	folder := filepath.Dir(e.path)
	if real, err := filepath.EvalSymlinks(e.path); err == nil {
		folder = filepath.Dir(real)
	}
	for n := 1; n < most; n++ {
		file := name + "-bot" + secretFileType
		if n > 1 {
			file = fmt.Sprintf("%s-bot.%d%s", name, n, secretFileType)
		}
		err := writeNew(filepath.Join(folder, file), []byte(webhookSecret()))
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
	return "", fmt.Errorf("there are %d secret files of bot %s in %s already", most, name, folder)
}

// tellUnused says which secret files may go.
func (e botEdit) tellUnused(files []string) {
	listed, err := bots.List(e.path)
	if err != nil {
		return // Whoever edits it next is told.
	}
	for _, file := range files {
		used := slices.ContainsFunc(listed, func(b bots.Listed) bool { return slices.Contains(b.Secrets, file) })
		if !used {
			fmt.Fprintf(e.out, "Not used any more, and to be deleted: %s\n", e.beside(file))
		}
	}
}

// beside is the path of a file that the bots file names.
func (e botEdit) beside(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(e.path), file)
}
