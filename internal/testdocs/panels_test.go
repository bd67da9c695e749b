package testdocs

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// panel is a graph of deploy/grafana.
type panel struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
	Type  string `json:"type"`
	Links []struct {
		URL string `json:"url"`
	} `json:"links"`
}

// panelLink is how the runbook names a panel: its title, and its path in Grafana.
var panelLink = regexp.MustCompile("([A-Z][^,.(]*) \\(`(/d/[^`]*)`\\)")

// TestPanelsAreInTheRunbook: each section with alerts shows where to look, at a panel that there is, and panels link to
// sections that there are.
func TestPanelsAreInTheRunbook(t *testing.T) {
	t.Parallel()
	titles := map[string]string{}
	var headings []string
	for section := range strings.SplitSeq(runbook(t), "\n## ") {
		heading, _, _ := strings.Cut(section, "\n")
		headings = append(headings, anchorOf(heading))
	}
	for uid, panels := range dashboards(t) {
		for _, p := range panels {
			titles[fmt.Sprintf("/d/%s?viewPanel=%d", uid, p.ID)] = p.Title
			for _, link := range p.Links {
				anchor, found := strings.CutPrefix(link.URL, runbookURL)
				require.True(t, found, link.URL)
				require.Contains(t, headings, anchor, "%s of %s", p.Title, uid)
			}
		}
	}
	named := 0
	for paragraph := range strings.SplitSeq(runbook(t), "\n\n") {
		text, found := strings.CutPrefix(paragraph, "Panels: ")
		if !found {
			continue
		}
		named++
		links := panelLink.FindAllStringSubmatch(strings.ReplaceAll(text, "\n", " "), -1)
		require.Len(t, links, strings.Count(text, "/d/"), text)
		for _, link := range links {
			require.Equal(t, titles[link[2]], link[1], link[2])
		}
	}
	// What PostgreSQL archives and certificates have no panel.
	require.Equal(t, len(runbookSections(t))-2, named, "sections with alerts that name panels")
}

// dashboards are the panels of each, by its uid.
func dashboards(t *testing.T) map[string][]panel {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", "deploy", "grafana", "dashboards", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	all := map[string][]panel{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		var file struct {
			UID    string  `json:"uid"`
			Panels []panel `json:"panels"`
		}
		require.NoError(t, json.Unmarshal(raw, &file), path)
		for _, p := range file.Panels {
			if p.Type != "row" {
				all[file.UID] = append(all[file.UID], p)
			}
		}
	}
	return all
}
