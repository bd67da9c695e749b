package testdocs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// messagePlace says at which argument the message of a method of a logger is. Those of the lower half have a level,
// too, which comes before it.
var messagePlace = map[string]int{
	"Warn": 0, "Error": 0, "WarnContext": 1, "ErrorContext": 1,
	"Log": 2, "LogAttrs": 2,
}

// TestMessagesAreOnThePage compares the messages that are logged at WARN and above with those of the page about logs,
// both ways.
func TestMessagesAreOnThePage(t *testing.T) {
	t.Parallel()
	logged := map[string]record{}
	for _, root := range []string{"backend", "cmd", "internal", "modules"} {
		require.NoError(t, filepath.WalkDir(filepath.Join("..", "..", root), func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				addMessages(t, logged, path)
			}
			return err
		}))
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", "logs.md"))
	require.NoError(t, err)
	described := map[string]bool{}
	for _, found := range regexp.MustCompile("(?ms)^- `([^`]+)`\n  - fields: (.+?)\n  - do: ").FindAllStringSubmatch(string(page), -1) {
		message := strings.Join(strings.Fields(found[1]), " ")
		require.NotContains(t, described, message, "it is there twice")
		require.Contains(t, logged, message, "nothing logs this")
		for _, field := range logged[message].fields {
			require.Contains(t, found[2], "`"+field+"`", "a field of %q", message)
		}
		described[message] = true
	}
	for _, message := range slices.Sorted(maps.Keys(logged)) {
		require.Contains(t, described, message, "%s logs this", logged[message].place)
	}
}

// record is where a message is logged, and with which fields as far as they are written there.
type record struct {
	place  string
	fields []string
}

// addMessages adds the messages of a file that may be logged at WARN and above.
func addMessages(t *testing.T, logged map[string]record, path string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, 0)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		call, isCall := n.(*ast.CallExpr)
		if !isCall {
			return true
		}
		method, isMethod := call.Fun.(*ast.SelectorExpr)
		if !isMethod {
			return true
		}
		place, logs := messagePlace[method.Sel.Name]
		if !logs || len(call.Args) <= place || place == 2 && isBelowWarn(call.Args[1]) {
			return true
		}
		if message, isStatic := static(call.Args[place]); isStatic {
			logged[message] = record{files.Position(call.Pos()).String(), fieldsOf(call.Args[place+1:])}
		}
		return true
	})
}

// fieldsOf are the keys among the arguments of a logger: of pairs, and of attributes that are made there.
func fieldsOf(args []ast.Expr) (keys []string) {
	for i := 0; i < len(args); i++ {
		key := args[i]
		call, isCall := key.(*ast.CallExpr)
		switch {
		case isCall && len(call.Args) > 1:
			key = call.Args[0]
		case isCall:
			continue
		default:
			i++ // Its value.
		}
		if name, isStatic := static(key); isStatic {
			keys = append(keys, name)
		}
	}
	return keys
}

// isBelowWarn reports whether a level is one that no operator is called for.
func isBelowWarn(level ast.Expr) bool {
	named, isNamed := level.(*ast.SelectorExpr)
	return isNamed && (named.Sel.Name == "LevelInfo" || named.Sel.Name == "LevelDebug")
}

// static is a text that is written in the source, in one piece or several.
func static(e ast.Expr) (text string, isStatic bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, leftIs := static(e.X)
		right, rightIs := static(e.Y)
		return left + right, leftIs && rightIs
	}
	return "", false
}
