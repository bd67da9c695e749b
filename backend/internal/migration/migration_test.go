package migration

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func files(names ...string) fstest.MapFS {
	all := fstest.MapFS{}
	for _, name := range names {
		all["migrations/"+name] = &fstest.MapFile{Data: []byte("select '" + name + "'")}
	}
	return all
}

func TestLoad(t *testing.T) {
	t.Parallel()
	all := Load("schema", files("0002_b.sql", "0001_a.sql", "readme.md"), "migrations").all
	require.Len(t, all, 2)
	require.Equal(t, "0001_a.sql", all[0].Name)
	require.Equal(t, 2, all[1].Version)
	require.Equal(t, "select '0002_b.sql'", all[1].SQL)
	require.Len(t, all[0].Checksum, 64)
	require.NotEqual(t, all[0].Checksum, all[1].Checksum)
	for _, wrong := range []fstest.MapFS{files(), files("0002_a.sql"), files("0001_a.sql", "0001_b.sql"), files("first.sql")} {
		require.Panics(t, func() { Load("schema", wrong, "migrations") })
	}
}

func TestPending(t *testing.T) {
	t.Parallel()
	set := Load("schema", files("0001_a.sql", "0002_b.sql", "0003_c.sql"), "migrations")
	a, b, c := set.all[0].Checksum, set.all[1].Checksum, set.all[2].Checksum
	for name, tc := range map[string]struct {
		applied map[int]string
		want    []Migration
		err     string
	}{
		"new database":    {nil, set.all, ""},
		"older":           {map[int]string{1: a}, set.all[1:], ""},
		"current":         {map[int]string{1: a, 2: b, 3: c}, nil, ""},
		"newer":           {map[int]string{1: a, 2: b, 3: c, 4: "d"}, nil, "version 4, newer than this program"},
		"another program": {map[int]string{1: a, 2: c}, nil, "version 2 of the database differs from 0002_b.sql"},
		"a gap":           {map[int]string{1: a, 3: c}, nil, "version 2 is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pending, err := set.pending(tc.applied)
			require.Equal(t, tc.want, pending)
			if tc.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrSchema)
			require.ErrorContains(t, err, tc.err)
			require.ErrorContains(t, err, "use another database")
		})
	}
}
