package testdocs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/metric"
)

// declaration finds the functions that make a metric of a type.
var declaration = regexp.MustCompile("^New(Counter|Gauge|Histogram)(Vec|Func)?$")

// declaredTypes has the types of the metrics that the code below root makes by prometheus.New…, by name, where the name is
// written out. A vector has no series until somebody asks for one, and no other way to say its type.
func declaredTypes(t *testing.T, root string) map[string]string {
	t.Helper()
	types := map[string]string{}
	for _, folder := range []string{"backend", "internal", "modules"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if name, kind := declared(n); name != "" {
					types[name] = kind
				}
				return true
			})
			return nil
		})
		require.NoError(t, err)
	}
	require.NotEmpty(t, types)
	return types
}

// declared is the name and the type of the metric that a call makes; empty for anything else.
func declared(n ast.Node) (name, kind string) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return "", ""
	}
	function, ok := call.Fun.(*ast.SelectorExpr)
	options, isLiteral := call.Args[0].(*ast.CompositeLit)
	if !ok || !isLiteral {
		return "", ""
	}
	made := declaration.FindStringSubmatch(function.Sel.Name)
	if made == nil {
		return "", ""
	}
	return nameOf(options), strings.ToUpper(made[1])
}

// nameOf is the full name that options make; empty where a part of it is not written out.
func nameOf(options *ast.CompositeLit) string {
	var parts [3]string
	for _, element := range options.Elts {
		field, ok := element.(*ast.KeyValueExpr)
		if !ok {
			return ""
		}
		i := slices.Index([]string{"Namespace", "Subsystem", "Name"}, field.Key.(*ast.Ident).Name)
		switch value := field.Value.(type) {
		case *ast.BasicLit:
			if i >= 0 {
				parts[i], _ = strconv.Unquote(value.Value)
			}
		default:
			if i > 0 {
				return ""
			}
			if i == 0 {
				parts[i] = metric.Namespace // There is no other.
			}
		}
	}
	return prometheus.BuildFQName(parts[0], parts[1], parts[2])
}
