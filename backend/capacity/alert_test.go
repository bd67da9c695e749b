package capacity_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/capacity"
)

// TestTheAlertIsTheModels compares the expression of CapacityNear with the limits that the model has.
func TestTheAlertIsTheModels(t *testing.T) {
	t.Parallel()
	rules, err := os.ReadFile(filepath.Join("..", "..", "deploy", "prometheus", "rules", "processes.yml"))
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)- alert: CapacityNear\n +expr: \|\n((?: {10}.*\n)+)`).FindSubmatch(rules)
	require.NotNil(t, found, "the rule")
	require.Equal(t, capacity.NearExpression(), regexp.MustCompile(`(?m)^ {10}`).ReplaceAllString(string(found[1]), ""))
}
