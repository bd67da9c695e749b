package testdocs

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// runbookURL is where the page of the runbook is for those who get an alert.
const runbookURL = "https://github.com/botgate/botgate/blob/main/docs/guides/runbook.md#"

// alert is a rule of deploy/prometheus that fires.
type alert struct {
	Alert       string            `yaml:"alert"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// TestAlertsAreInTheRunbook makes sure that each alert says what a person needs and links to a
// section of the runbook that names it, and that the runbook names no others.
func TestAlertsAreInTheRunbook(t *testing.T) {
	t.Parallel()
	sections := runbookSections(t)
	named := map[string]string{}
	for anchor, names := range sections {
		for _, name := range names {
			require.NotContains(t, named, name, "it has two sections of the runbook")
			named[name] = anchor
		}
	}
	for _, a := range alerts(t) {
		require.Contains(t, []string{"critical", "warning", "info", "none"}, a.Labels["severity"], a.Alert)
		require.NotEmpty(t, a.Annotations["summary"], a.Alert)
		require.NotEmpty(t, a.Annotations["description"], a.Alert)
		require.Equal(t, runbookURL+named[a.Alert], a.Annotations["runbook_url"], "the section that names %s", a.Alert)
		delete(named, a.Alert)
	}
	require.Empty(t, slices.Sorted(maps.Keys(named)), "the runbook names alerts that there are not")
}

// TestAlertsHaveTests makes sure that each alert is shown to fire, and to stay quiet just below.
func TestAlertsHaveTests(t *testing.T) {
	t.Parallel()
	var tests strings.Builder
	for _, path := range glob(t, "tests") {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		tests.Write(text)
	}
	for _, a := range alerts(t) {
		require.Contains(t, tests.String(), "name: "+a.Alert+" fires\n")
		if a.Alert != "Watchdog" { // It has no below.
			require.Contains(t, tests.String(), "name: "+a.Alert+" is just below\n")
		}
	}
}

func glob(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", "deploy", "prometheus", folder, "*.yml"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return paths
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	for _, path := range glob(t, "rules") {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var file struct {
			Groups []struct {
				Rules []alert `yaml:"rules"`
			} `yaml:"groups"`
		}
		require.NoError(t, yaml.Unmarshal(text, &file), path)
		for _, group := range file.Groups {
			all = append(all, group.Rules...)
		}
	}
	return slices.DeleteFunc(all, func(a alert) bool { return a.Alert == "" }) // Recording rules.
}

var (
	inBackticks = regexp.MustCompile("`([A-Z][A-Za-z]+)`")
	noAnchor    = regexp.MustCompile(`[^a-z0-9 -]`)
)

// runbookSections returns the alerts that the sections name, by the anchors of their headings.
func runbookSections(t *testing.T) map[string][]string {
	t.Helper()
	sections := map[string][]string{}
	for section := range strings.SplitSeq(runbook(t), "\n## ") {
		heading, text, _ := strings.Cut(section, "\n\n")
		anchor := anchorOf(heading)
		_, names, found := strings.Cut("\n\n"+text, "\n\nAlerts: ")
		if !found {
			continue
		}
		names, _, _ = strings.Cut(names, "\n\n")
		for _, name := range inBackticks.FindAllStringSubmatch(names, -1) {
			sections[anchor] = append(sections[anchor], name[1])
		}
	}
	return sections
}

func runbook(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "guides", "runbook.md"))
	require.NoError(t, err)
	return string(page)
}

// anchorOf is the anchor that GitHub gives a heading.
func anchorOf(heading string) string {
	return strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}
