package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/botgate/botgate/internal/address"
	"github.com/botgate/botgate/internal/backup"
	"github.com/botgate/botgate/internal/version"
)

const backupLong = `
The files are those of the data folder, or where the variables of the shipped Caddyfile say they are; what is on a
server (RabbitMQ, PostgreSQL, a bucket) has backups of its own. docs/guides/backups.md has the rest.`

// secretFiles are the files of the data folder that botgate init and botgate bot add make.
var secretFiles = regexp.MustCompile(`^[A-Za-z0-9_.-]+\.secret$`)

// bodyFiles are large bodies in their folder; what is being written or removed is elsewhere.
var bodyFiles = regexp.MustCompile(`^[0-9a-f]{2}/[0-9a-f]{64}$`)

func backupCommand() caddycmd.Command {
	return backupCommandOf("backup", "Copies the files of a running Botgate into a folder", `
Copies queue, log, spool and large bodies, and the bots file, into a folder that it makes, and the shards that are files
where BOTGATE_SHARDS_FILE names them; no buckets may move then. Processes go on meanwhile.
What was accepted before the copy began is in it. Secrets are left out, unless --secrets is given: a copy with them has
to be kept like them.
`+backupLong, takeBackup)
}

func restoreCommand() caddycmd.Command {
	return backupCommandOf("restore", "Puts a backup back", `
Puts back what botgate backup copied, once it was checked. Nothing may run, and nothing is overwritten: move away what
is there. Shards go where the shards file says, which is put back before. Once it is started, what was waiting is
delivered; bots get again, with the same ids, what they took after the backup.
`+backupLong, restoreBackup)
}

func backupCommandOf(
	name, short, long string, run func(ctx context.Context, out io.Writer, folder string, fl caddycmd.Flags) error,
) caddycmd.Command {
	return caddycmd.Command{
		Name: name, Usage: "<folder>", Short: short, Long: long,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args = cobra.ExactArgs(1)
			cmd.SilenceUsage = true
			cmd.Flags().String("data", envOr(envData, "data"), "Folder with the files ("+envData+")")
			if name == "backup" {
				cmd.Flags().Bool("secrets", false, "Copy the secrets of the data folder, too")
			}
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
				defer stop()
				return run(ctx, cmd.OutOrStdout(), args[0], caddycmd.Flags{FlagSet: cmd.Flags()})
			}
		},
	}
}

func takeBackup(ctx context.Context, out io.Writer, folder string, fl caddycmd.Flags) error {
	from, err := backupSources(fl.String("data"), fl.Bool("secrets"))
	if err != nil {
		return err
	}
	m := backup.Manifest{Version: version.Text("botgate")}
	if !fl.Bool("secrets") {
		found, err := filepath.Glob(filepath.Join(fl.String("data"), "*"+secretFileType))
		if err != nil {
			return fmt.Errorf("option --data: %w", err)
		}
		for _, path := range found {
			m.LeftOut = append(m.LeftOut, filepath.Base(path))
		}
	}
	m, err = backup.Take(ctx, from, folder, m)
	if err != nil {
		return err
	}
	if len(m.Files) == 0 {
		return errors.Join(fmt.Errorf("option --data: there is nothing to copy in %s", fl.String("data")), os.RemoveAll(folder))
	}
	tellBackup(out, m)
	fmt.Fprintf(out, "%s has what was accepted before %s.\n", folder, m.Begun.Local().Format(time.DateTime))
	return nil
}

func restoreBackup(ctx context.Context, out io.Writer, folder string, fl caddycmd.Flags) error {
	to, err := backupSources(fl.String("data"), true)
	if err != nil {
		return err
	}
	m, err := backup.Restore(ctx, folder, to)
	if err != nil {
		return err
	}
	tellBackup(out, m)
	fmt.Fprintf(out, "Restored what was accepted before %s.\n", m.Begun.Local().Format(time.DateTime))
	if len(m.LeftOut) > 0 {
		fmt.Fprintf(out, "Secrets that the backup does not have, to be put into %s before the start: %s\n",
			fl.String("data"), strings.Join(m.LeftOut, ", "))
	}
	return nil
}

// tellBackup prints the files, and large bodies as one line.
func tellBackup(out io.Writer, m backup.Manifest) {
	var bodies, size int64
	for _, f := range m.Files {
		if strings.HasPrefix(f.Name, "blobs/") {
			bodies, size = bodies+1, size+f.Size
			continue
		}
		fmt.Fprintf(out, "%s: %d bytes\n", f.Name, f.Size)
	}
	if bodies > 0 {
		fmt.Fprintf(out, "blobs: %d large bodies, %d bytes\n", bodies, size)
	}
}

// backupSources are the files of the data folder, and those that the variables name instead. An event goes through
// the databases in their order.
func backupSources(data string, secrets bool) (backup.Sources, error) {
	var from backup.Sources
	for _, d := range []struct {
		name, env string
		parse     func(string) (string, error)
	}{
		{"spool.db", envSpool, nil},
		{"queue.db", "BOTGATE_QUEUE_URL", address.Queue},
		{"outcomes.db", "BOTGATE_OUTCOME_SPOOL", nil},
		{"events.db", "BOTGATE_DATABASE_URL", address.Database},
	} {
		path, err := sourceOf(data, d.name, d.env, d.parse)
		if err != nil {
			return from, err
		}
		if path != "" {
			from.Databases = append(from.Databases, backup.File{Name: d.name, Path: path})
		}
	}
	if path := os.Getenv(envShardsFile); path != "" {
		shards, err := shardDatabases(path)
		if err != nil {
			return from, err
		}
		from.Databases = append(from.Databases, shards...)
	}
	blobs, err := sourceOf(data, "blobs", "BOTGATE_BLOB_URL", address.BlobStore)
	if err != nil {
		return from, err
	}
	if blobs != "" {
		from.Folders = append(from.Folders, backup.Folder{Name: "blobs", Path: blobs, Files: bodyFiles})
	}
	if secrets {
		from.Folders = append(from.Folders, backup.Folder{Name: "secrets", Path: data, Files: secretFiles})
	}
	from.Files = []backup.File{{Name: botsFile, Path: envOr("BOTGATE_BOTS_FILE", filepath.Join(data, botsFile))}}
	return from, nil
}

// sourceOf is where a file is; empty where it is on a server.
func sourceOf(data, name, env string, parse func(string) (string, error)) (string, error) {
	set := os.Getenv(env)
	switch {
	case set == "":
		return filepath.Join(data, name), nil
	case parse == nil:
		return set, nil
	}
	path, err := parse(set)
	if err != nil {
		return "", fmt.Errorf("%s: %w", env, err)
	}
	return path, nil
}
