package main

import (
	"testing"

	"github.com/botgate/botgate/internal/testdocs"
)

func TestDocs(t *testing.T) {
	t.Parallel()
	root := newRoot(environment())
	root.InitDefaultCompletionCmd()
	testdocs.Compare(t, "../../docs/reference/commands/botgate-backend.md", testdocs.Commands(t, root))
}
