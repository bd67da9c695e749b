// Command chart checks Helm charts with the libraries of helm, kubeconform and helm-unittest, which share most of
// what there is to build.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/helm-unittest/helm-unittest/pkg/unittest"
	"github.com/helm-unittest/helm-unittest/pkg/unittest/formatter"
	"github.com/helm-unittest/helm-unittest/pkg/unittest/printer"
	"helm.sh/helm/v3/pkg/chartutil"
)

// kubernetes is the version that is checked for, with its schemas.
const kubernetes = "1.36.3"

func main() {
	err := errors.New("usage: chart check <chart> <folder with schemas> | chart render <chart> <values>...")
	switch {
	case len(os.Args) == 4 && os.Args[1] == "check":
		err = check(os.Args[2], os.Args[3])
	case len(os.Args) > 3 && os.Args[1] == "render":
		err = render(os.Args[2], os.Args[3:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// render prints what a chart makes of some values.
func render(folder string, files []string) error {
	values, err := readValues(files)
	if err != nil {
		return err
	}
	text, err := template(folder, values)
	if err == nil {
		_, err = os.Stdout.WriteString(text)
	}
	return err
}

// check looks at a chart with each of the values in its folder ci, and runs its unit tests.
func check(folder, schemas string) error {
	sets, err := filepath.Glob(filepath.Join(folder, "ci", "*-values.yaml"))
	if err != nil || len(sets) == 0 {
		return fmt.Errorf("no values in %s: %w", filepath.Join(folder, "ci"), err)
	}
	kinds, err := newSchemas(schemas)
	if err != nil {
		return err
	}
	for _, set := range sets {
		if err := checkSet(folder, set, kinds); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(set), err)
		}
	}
	runner := unittest.TestRunner{
		Printer: printer.NewPrinter(os.Stdout, nil), Formatter: formatter.NewFormatter("", ""), TestFiles: []string{filepath.Join("tests", "*_test.yaml")},
	}
	if !runner.RunV3([]string{folder}) {
		return errors.New("unit tests failed")
	}
	return nil
}

func checkSet(folder, set string, kinds *schemas) error {
	values, err := readValues([]string{filepath.Join(folder, "ci", "minimal-values.yaml"), set})
	if err != nil {
		return err
	}
	if err := lint(folder, values); err != nil {
		return err
	}
	text, err := template(folder, values)
	if err != nil {
		return err
	}
	objects, err := kinds.check(text)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d objects\n", filepath.Base(set), objects)
	return nil
}

// readValues merges files, of which the last one wins.
func readValues(files []string) (chartutil.Values, error) {
	values := chartutil.Values{}
	for _, file := range files {
		read, err := chartutil.ReadValuesFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		values = chartutil.CoalesceTables(read, values)
	}
	return values, nil
}
