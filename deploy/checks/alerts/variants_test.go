package alerts

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// ruleTests is a file of promtool's, as far as the ones here use it.
type ruleTests struct {
	RuleFiles []string       `yaml:"rule_files"`
	Interval  model.Duration `yaml:"evaluation_interval"`
	Tests     []ruleTest     `yaml:"tests"`
}

type ruleTest struct {
	Name     string         `yaml:"name"`
	Interval model.Duration `yaml:"interval"`
	Input    []inputSeries  `yaml:"input_series"`
	Expected []expectation  `yaml:"promql_expr_test"`
}

type inputSeries struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

type expectation struct {
	Expr    string         `yaml:"expr"`
	At      model.Duration `yaml:"eval_time"`
	Samples []any          `yaml:"exp_samples"`
}

// sumsUp are tests of what the processes do together, so that two of them are not what one is.
var sumsUp = map[string]bool{"AttackSuspected is just below": true, "QueuesUnowned fires": true}

// TestRulesWithFailedScrape: a scrape that fails when the alert is looked at neither ends nor fires it.
func TestRulesWithFailedScrape(t *testing.T) {
	t.Parallel()
	runVariants(t, func(one *ruleTest) {
		at := int(time.Duration(one.Expected[0].At) / time.Duration(one.Interval))
		for i, s := range one.Input {
			one.Input[i].Values = failedAt(t, s, at)
		}
	})
}

// TestRulesWithTwoProcesses: two processes that report the same fire what one does, and no more.
func TestRulesWithTwoProcesses(t *testing.T) {
	t.Parallel()
	runVariants(t, func(one *ruleTest) {
		if sumsUp[one.Name] {
			return
		}
		// An alert for each of them is an alert.
		one.Expected[0].Expr = strings.Replace(one.Expected[0].Expr, "count by", "group by", 1)
		for _, s := range one.Input {
			one.Input = append(one.Input, ofOtherProcess(t, s))
		}
	})
}

// runVariants has promtool run the tests, each of them changed.
func runVariants(t *testing.T, change func(*ruleTest)) {
	t.Helper()
	folder := t.TempDir()
	programs, err := exec.Command("sh", "../../unpack.sh", "prometheus", "promtool").Output()
	require.NoError(t, err)
	args := []string{"test", "rules"}
	for name, file := range shippedTests(t) {
		for i := range file.RuleFiles {
			file.RuleFiles[i], err = filepath.Abs(filepath.Join("..", "..", "prometheus", "tests", file.RuleFiles[i]))
			require.NoError(t, err)
		}
		for i := range file.Tests {
			change(&file.Tests[i])
		}
		raw, err := yaml.Marshal(file)
		require.NoError(t, err)
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, raw, 0o600))
		args = append(args, path)
	}
	out, err := exec.Command(filepath.Join(strings.TrimSpace(string(programs)), "promtool"), args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// shippedTests are the files of tests by name.
func shippedTests(t *testing.T) map[string]ruleTests {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", "prometheus", "tests", "*.yml"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	all := map[string]ruleTests{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		var file ruleTests
		require.NoError(t, yaml.Unmarshal(raw, &file))
		all[filepath.Base(path)] = file
	}
	return all
}

// failedAt are the values of a series until then, when the scrape fails.
func failedAt(t *testing.T, s inputSeries, at int) string {
	t.Helper()
	_, values, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(s.Series + " " + s.Values)
	require.NoError(t, err, s.Series)
	var text []string
	for _, v := range values[:min(at, len(values))] {
		if math.IsNaN(v.Value) {
			text = append(text, "stale")
		} else {
			text = append(text, strconv.FormatFloat(v.Value, 'f', -1, 64))
		}
	}
	failed := "stale"
	if strings.HasPrefix(s.Series, "up{") {
		failed = "0"
	}
	return strings.Join(append(text, failed), " ")
}

// ofOtherProcess is the same series of another process.
func ofOtherProcess(t *testing.T, s inputSeries) inputSeries {
	t.Helper()
	set, err := parser.NewParser(parser.Options{}).ParseMetric(s.Series)
	require.NoError(t, err, s.Series)
	b := labels.NewBuilder(set)
	b.Set("instance", set.Get("instance")+"-other")
	return inputSeries{Series: b.Labels().String(), Values: s.Values}
}
