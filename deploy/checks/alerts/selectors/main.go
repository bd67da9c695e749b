// Command selectors prints what the rules and dashboards ask for: a line of JSON for each expression, with its
// selectors. The test that runs them against a real Prometheus reads it.
//
//	go run ./selectors ../../prometheus/rules/*.yml ../../grafana/dashboards/*.json
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// expression is one of a rule or of a panel.
type expression struct {
	// Where is the name of the rule, or the board and the title of the panel.
	Where string `json:"where"`
	Expr  string `json:"expr"`
	// Selectors are its parts that name series.
	Selectors []string `json:"selectors"`
}

func main() {
	if err := print(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "selectors:", err)
		os.Exit(1)
	}
}

func print(paths []string) error {
	out := json.NewEncoder(os.Stdout)
	for _, path := range paths {
		found, err := read(path)
		if err != nil {
			return err
		}
		for _, e := range found {
			if e.Selectors, err = selectors(e.Expr); err != nil {
				return fmt.Errorf("%s: %s: %w", path, e.Where, err)
			}
			if err := out.Encode(e); err != nil {
				return fmt.Errorf("writing: %w", err)
			}
		}
	}
	return nil
}

// read returns the expressions of a file of rules, or of a dashboard, which is JSON.
func read(path string) ([]expression, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading what has expressions: %w", err)
	}
	if strings.HasSuffix(path, ".json") {
		return panels(text)
	}
	return rules(text)
}

func rules(text []byte) (found []expression, err error) {
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert  string `yaml:"alert"`
				Record string `yaml:"record"`
				Expr   string `yaml:"expr"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			found = append(found, expression{Where: r.Alert + r.Record, Expr: r.Expr})
		}
	}
	return found, nil
}

// chosen are Grafana's variables where all is chosen.
var chosen = strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$instance", ".*", "$bot", ".*")

func panels(text []byte) (found []expression, err error) {
	var file struct {
		UID    string `json:"uid"`
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("reading a dashboard: %w", err)
	}
	for _, p := range file.Panels {
		for _, target := range p.Targets {
			found = append(found, expression{Where: file.UID + ": " + p.Title, Expr: chosen.Replace(target.Expr)})
		}
	}
	return found, nil
}

// selectors returns the parts of an expression that name series, without their ranges.
func selectors(expr string) (found []string, err error) {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return nil, fmt.Errorf("parsing %s: %w", expr, err)
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			found = append(found, s.String())
		}
		return nil
	})
	return found, nil
}
