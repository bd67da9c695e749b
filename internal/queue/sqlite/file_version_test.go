package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMissing has files of four formats: the second only adds, and so does the fourth.
func TestMissing(t *testing.T) {
	t.Parallel()
	all := []change{{"a", 1}, {"b", 1}, {"c", 3}, {"d", 3}}
	for format, name := range []string{"empty", "first", "adds", "takes away", "adds again"} {
		has := versionOf(all[:format])
		for knows := 1; knows <= len(all); knows++ {
			lacks, err := missing(all[:knows], has)
			switch {
			case format <= knows:
				require.NoError(t, err, "%s, %d", name, knows)
				require.Equal(t, all[format:knows], lacks, "%s, %d", name, knows)
			case format == 2 || knows >= 3:
				require.NoError(t, err, "%s, %d", name, knows)
				require.Empty(t, lacks, "%s, %d", name, knows)
			default:
				require.ErrorContains(t, err, "takes a Botgate that knows format 3", "%s, %d", name, knows)
			}
		}
	}
	require.EqualValues(t, 1, versionOf(all[:1]), "as files have it from before there was a least format")
}

// TestNewerFormat opens a file that a newer program made and that this one may work on.
func TestNewerFormat(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	q := openAt(t, Config{Path: path})
	execute(t, direct(t, q), "PRAGMA user_version = 65538") // Format 2, for programs that know format 1.
	older := openAt(t, Config{Path: path})
	require.NoError(t, older.Close())
	var version int
	require.NoError(t, direct(t, q).QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&version))
	require.Equal(t, 65538, version, "it stays what it is")
}
