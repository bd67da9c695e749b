package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/capacity"
	"github.com/botgate/botgate/internal/testdocs"
)

// TestDocsCapacity compares the example of the guide with what the command prints.
func TestDocsCapacity(t *testing.T) {
	const page = "../../docs/guides/sizing.md"
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	example := regexp.MustCompile("(?m)^botgate-backend (capacity .*)$").FindSubmatch(text)
	require.NotNil(t, example)
	code, out := runCapacity(t, strings.Fields(string(example[1]))...)
	require.Zero(t, code, out)
	testdocs.CompareBlock(t, page, "```text", out)
}

func runCapacity(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var printed bytes.Buffer
	root := newRoot(environment())
	root.SetArgs(args)
	root.SetOut(&printed)
	root.SetErr(&printed)
	code = run(t.Context(), root)
	return code, printed.String()
}

func TestCapacityAsJSON(t *testing.T) {
	t.Parallel()
	code, out := runCapacity(t, "capacity", "--rate", "100", "--body", "1.5KB", "--outage", "2d", "--engine", "embedded", "--json")
	require.Zero(t, code, out)
	var plan capacity.Plan
	require.NoError(t, json.Unmarshal([]byte(out), &plan))
	require.Equal(t, 1500, plan.Load.Body)
	require.True(t, plan.Load.Embedded)
	require.Equal(t, "48h0m0s", plan.Load.Outage.String())
	require.NotEmpty(t, plan.Lines)
	require.Positive(t, plan.Lines[0].Use)
	require.GreaterOrEqual(t, plan.Lines[0].Use, plan.Lines[1].Use)
}

func TestCapacityRefusesWrongFlags(t *testing.T) {
	t.Parallel()
	for args, problem := range map[string]string{
		"":                                  "--rate is missing",
		"--rate 5":                          "--body is missing",
		"--rate x --body 1KB":               `invalid argument "x" for "--rate"`,
		"--rate 0 --body 1KB":               "--rate must be between",
		"--rate 5 --body big":               "must be a size such as",
		"--rate 5 --body 1GB":               "--body must be between 1 and 25000000",
		"--rate 5 --body 1KB --attempts 0":  "--attempts must be between 1 and",
		"--rate 5 --body 1KB --outage soon": `invalid argument "soon" for "--outage"`,
		"--rate 5 --body 1KB --engine both": "--engine must be servers or embedded",
		"--rate 5 --body 1KB --engine embedded --gateways 2": "--engine embedded is one process",
		"--rate 5 --body 1KB more":                           "unexpected argument",
	} {
		code, out := runCapacity(t, append([]string{"capacity"}, strings.Fields(args)...)...)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, out, problem, args)
	}
}
