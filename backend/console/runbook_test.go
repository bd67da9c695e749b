package console_test

import (
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRunbookNamesPages that there are, with filters that they have.
func TestRunbookNamesPages(t *testing.T) {
	t.Parallel()
	d, _ := busyDesk(t)
	v := d.signIn(admin)
	runbook, err := os.ReadFile("../../docs/guides/runbook.md")
	require.NoError(t, err)
	found := regexp.MustCompile("`(/console/[^`]*)`").FindAllStringSubmatch(string(runbook), -1)
	require.NotEmpty(t, found)
	for _, path := range found {
		to, err := url.Parse(strings.ReplaceAll(path[1], "<bot>", "flaky"))
		require.NoError(t, err)
		v.page(to.RequestURI())
	}
}
