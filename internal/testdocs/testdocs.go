// Package testdocs compares pages of docs/ that are made from code with what is committed.
package testdocs

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the pages of docs/ that are made from code")

// Compare compares the page at path, which -update writes.
func Compare(t *testing.T, path, page string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o600)) //nolint:gosec // The path is the test's own.
	}
	committed, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, page, string(committed), "make docs writes it anew")
}

// CompareBlock compares the text between two fences of the page at path, of which the first one ends with the line
// opening. -update writes it.
func CompareBlock(t *testing.T, path, opening, text string) {
	t.Helper()
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(page), opening+"\n")
	require.True(t, found, "%s has no line %s", path, opening)
	_, after, found := strings.Cut(rest, "```\n")
	require.True(t, found, "the end of the block")
	Compare(t, path, before+opening+"\n"+text+"```\n"+after)
}

var (
	// manyLines are more blank lines than Markdown needs.
	manyLines = regexp.MustCompile(`\n{3,}`)
	// seeAlso is a link to another command with what that does, which has its own line here.
	seeAlso = regexp.MustCompile(`(?m)^(\* \[.*\]\(.*\))\t - (.*)$`)
)

// Commands returns a page with the help of a command and of all below it.
func Commands(t *testing.T, root *cobra.Command) string {
	t.Helper()
	var page bytes.Buffer
	page.WriteString("# Commands of " + root.Name() + "\n\n<!-- Made by \"make docs\" from the commands' help. -->\n\n")
	root.DisableAutoGenTag = true
	appendCommand(t, &page, root)
	text := seeAlso.ReplaceAllString(page.String(), "$1:\n  $2")
	return strings.TrimSpace(manyLines.ReplaceAllString(text, "\n\n")) + "\n"
}

func appendCommand(t *testing.T, page *bytes.Buffer, cmd *cobra.Command) {
	t.Helper()
	toHeading := func(file string) string { return "#" + strings.ReplaceAll(strings.TrimSuffix(file, ".md"), "_", "-") }
	require.NoError(t, doc.GenMarkdownCustom(cmd, page, toHeading))
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() && !below.IsAdditionalHelpTopicCommand() {
			appendCommand(t, page, below)
		}
	}
}
