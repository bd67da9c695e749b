package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/botgate/botgate/modules/internal/jsondoc"
	"github.com/botgate/botgate/modules/internal/schema"
)

// maxSampleErrors is how many violations of a sample are printed at most.
const maxSampleErrors = 100

func schemaCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "schema", Usage: "check", Short: "Checks JSON Schemas for bot_schema",
		Long: `
Works on JSON Schemas as bot_schema does; see botgate help schema check.`,
		CobraFunc: func(cmd *cobra.Command) { group(cmd, schemaCheckCommand()) },
	}
}

func schemaCheckCommand() *cobra.Command {
	var c schemaCheck
	cmd := &cobra.Command{
		Use: "check <file...>", Short: "Compiles schemas, and checks samples against them",
		Long: `
Compiles schemas as bot_schema does and prints one line for each: "ok", or what is wrong, with file
and JSON pointer. A file may carry #/pointer, such as openapi.yaml#/components/schemas/Order, and
placeholders, for which every schema that they can stand for is compiled.

Samples are checked against every schema, with the sentences that senders get. The exit code
is 1 when anything is wrong.`,
		Args: cobra.MinimumNArgs(1), SilenceUsage: true,
		RunE: func(cmd *cobra.Command, names []string) error { return c.run(cmd.OutOrStdout(), names) },
	}
	cmd.Flags().StringVar(&c.folder, "folder", "", "Folder that the schemas may refer to (default: the one that each file is in)")
	cmd.Flags().BoolVar(&c.options.Formats, "formats", false, "Check \"format\" in all drafts, as with formats assert")
	cmd.Flags().StringArrayVar(&c.samples, "sample", nil, "JSON document to check against the schemas; may be repeated")
	return cmd
}

// schemaCheck is one run of botgate schema check.
type schemaCheck struct {
	folder  string
	options schema.Options
	samples []string
	failed  int
}

func (c *schemaCheck) run(out io.Writer, names []string) error {
	for _, name := range names {
		set, err := c.compile(name)
		if c.say(out, name, err); err != nil {
			continue
		}
		for _, sample := range c.samples {
			c.say(out, sample, c.check(set, sample))
		}
	}
	if c.failed > 0 {
		return fmt.Errorf("checks that failed: %d", c.failed)
	}
	return nil
}

// say prints what became of one check.
func (c *schemaCheck) say(out io.Writer, name string, err error) {
	if err == nil {
		fmt.Fprintf(out, "%s: ok\n", name)
		return
	}
	c.failed++
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(out, "%s: %s\n", name, line)
	}
}

func (c *schemaCheck) compile(name string) (*schema.Set, error) {
	path, pointer, hash := strings.Cut(name, "#")
	folder := c.folder
	if folder == "" {
		folder = filepath.Dir(path)
	}
	inside := filepath.ToSlash(path)
	// Both the shell's view of a file and the Caddyfile's, a path in the folder, will do.
	if relative, err := relativeTo(folder, path); err == nil && filepath.IsLocal(relative) {
		inside = filepath.ToSlash(relative)
	}
	if hash {
		inside += "#" + pointer
	}
	pattern, err := schema.ParsePattern(inside)
	if err != nil {
		return nil, err
	}
	return schema.CompileFolder(folder, pattern, c.options)
}

func relativeTo(folder, path string) (string, error) {
	base, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.Rel(base, whole)
}

// check returns what is wrong with a sample, in lines.
func (c *schemaCheck) check(set *schema.Set, sample string) error {
	found := set.Find(func(string) string { return "" })
	if found == nil {
		return errors.New("a schema with placeholders can't be chosen for a sample; name one schema")
	}
	raw, err := os.ReadFile(sample)
	if err != nil {
		return err
	}
	document, err := jsondoc.Parse(raw, jsondoc.Limits{})
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range found.Check(document, maxSampleErrors) {
		errs = append(errs, fmt.Errorf("#%s: %s: %s", e.Pointer, e.Keyword, e.Detail))
	}
	return errors.Join(errs...)
}
