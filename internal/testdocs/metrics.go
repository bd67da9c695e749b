package testdocs

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

var (
	// metricLine is what a line of the page begins with: names, the side that has them, and what they are.
	metricLine = regexp.MustCompile("^- ((?:`[^`]*`,? ?)+)\\((both|gateway|backend)((?:;|,)[^)]*(?:\\([^)]*\\))?[^)]*)?\\): ")
	// metricName is a name with its labels.
	metricName = regexp.MustCompile("`([a-z_]+)(…?)(?:\\{([a-z,]+)\\})?`")
	// othersName is a metric of others that the page names as an example.
	othersName = regexp.MustCompile("`((?:go|process|caddy)_[a-z_]+)`")
	described  = regexp.MustCompile(`fqName: "([^"]+)".*constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}`)
	constLabel = regexp.MustCompile(`([a-z_]+)="`)
)

// Metrics compares docs/reference/metrics.md, which is at path, with what is registered on a side, gateway or backend:
// names, labels and types.
func Metrics(t *testing.T, path, side string, registries ...*prometheus.Registry) {
	t.Helper()
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	documented, prefixes := documentedMetrics(t, side, string(page))
	registered, others := map[string]string{}, map[string]string{}
	for _, registry := range registries {
		for name, labels := range registeredMetrics(t, registry) {
			if strings.HasPrefix(name, "botgate_") {
				registered[name] = labels
			} else {
				others[name] = labels
			}
		}
	}
	requireTypes(t, documented, declaredTypes(t, filepath.Join(filepath.Dir(path), "../..")), registries)
	requireOthers(t, string(page), prefixes, slices.Collect(maps.Keys(others)))
	labels := map[string]string{}
	for name, of := range documented {
		labels[name] = of.labels
	}
	require.Equal(t, labels, registered, "the page and what is registered")
}

// requireOthers compares the metrics of others with the prefixes that the page has for them, and with its examples.
func requireOthers(t *testing.T, page string, prefixes, others []string) {
	t.Helper()
	used := map[string]bool{}
	for _, name := range others {
		used[prefixOf(name)] = true
	}
	require.ElementsMatch(t, prefixes, slices.Collect(maps.Keys(used)), "the metrics of others")
	for _, name := range othersName.FindAllStringSubmatch(page, -1) {
		if used[prefixOf(name[1])] {
			require.Contains(t, others, name[1])
		}
	}
}

// prefixOf is the first word of a name.
func prefixOf(name string) string { return name[:strings.Index(name, "_")+1] }

// documentedMetric is what the page says of a metric.
type documentedMetric struct {
	labels    string // Sorted, with commas.
	histogram bool
}

// documentedMetrics reads the lines of the page that are about a side. Prefixes are those of the metrics of others.
func documentedMetrics(t *testing.T, side, page string) (documented map[string]documentedMetric, prefixes []string) {
	t.Helper()
	documented, seen := map[string]documentedMetric{}, map[string]bool{}
	for paragraph := range strings.SplitSeq(strings.ReplaceAll(page, "\n  ", " "), "\n") {
		if !strings.HasPrefix(paragraph, "- ") {
			continue
		}
		line := metricLine.FindStringSubmatch(paragraph)
		require.NotNil(t, line, "names, and who has them: %s", paragraph)
		for _, name := range metricName.FindAllStringSubmatch(line[1], -1) {
			require.False(t, seen[name[1]], "%s is there twice", name[1])
			seen[name[1]] = true
			switch {
			case line[2] != side && line[2] != "both":
			case name[2] != "":
				prefixes = append(prefixes, name[1])
			default:
				documented[name[1]] = documentedMetric{sorted(strings.Split(name[3], ",")), strings.Contains(line[3], "histogram")}
			}
		}
	}
	return documented, prefixes
}

// registeredMetrics has the labels of what is registered, by name.
func registeredMetrics(t *testing.T, registry *prometheus.Registry) map[string]string {
	t.Helper()
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		registry.Describe(descs)
	}()
	registered := map[string]string{}
	for desc := range descs {
		found := described.FindStringSubmatch(desc.String())
		require.NotNil(t, found, desc.String())
		labels := strings.Split(found[3], ",")
		for _, label := range constLabel.FindAllStringSubmatch(found[2], -1) {
			labels = append(labels, label[1])
		}
		registered[found[1]] = sorted(labels)
	}
	return registered
}

// requireTypes compares the types of metrics with what the page and the names say: of what has series, and else as the
// code makes it. Only those of a collector of our own that has no series say no type.
func requireTypes(t *testing.T, documented map[string]documentedMetric, declared map[string]string, registries []*prometheus.Registry) {
	t.Helper()
	types := maps.Clone(declared)
	for _, registry := range registries {
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, f := range families {
			types[f.GetName()] = f.GetType().String()
		}
	}
	for name, of := range documented {
		want := "GAUGE"
		switch {
		case of.histogram:
			want = "HISTOGRAM"
		case strings.HasSuffix(name, "_total"):
			want = "COUNTER"
		}
		if found := types[name]; found != "" {
			require.Equal(t, want, found, name)
		}
	}
}

func sorted(labels []string) string {
	labels = slices.DeleteFunc(labels, func(label string) bool { return label == "" })
	slices.Sort(labels)
	return strings.Join(labels, ",")
}
