package console

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// AssetsSize is how many bytes pages load, as they are sent.
func AssetsSize(t *testing.T) (size int) {
	t.Helper()
	files, err := newAssets()
	require.NoError(t, err)
	for _, file := range files.files {
		size += len(file.compressed)
	}
	return size
}
