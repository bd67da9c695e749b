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
	all := load(files("0002_b.sql", "0001_a.sql", "readme.md"), "migrations")
	require.Len(t, all, 2)
	require.Equal(t, "0001_a.sql", all[0].name)
	require.Equal(t, 2, all[1].number)
	require.Equal(t, "select '0002_b.sql'", all[1].sql)
	require.Len(t, all[0].checksum, 64)
	require.NotEqual(t, all[0].checksum, all[1].checksum)
	for _, wrong := range []fstest.MapFS{files(), files("0002_a.sql"), files("0001_a.sql", "0001_b.sql"), files("first.sql")} {
		require.Panics(t, func() { load(wrong, "migrations") })
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	all := load(files("0001_a.sql", "0002_b.sql", "0003_c.sql"), "migrations")
	a, b, c := all[0].checksum, all[1].checksum, all[2].checksum
	for name, tc := range map[string]struct {
		applied map[int]string
		want    []version
		err     string
	}{
		"new database":    {nil, all, ""},
		"older":           {map[int]string{1: a}, all[1:], ""},
		"current":         {map[int]string{1: a, 2: b, 3: c}, nil, ""},
		"newer":           {map[int]string{1: a, 2: b, 3: c, 4: "d"}, nil, "version 4, newer than this program"},
		"another program": {map[int]string{1: a, 2: c}, nil, "version 2 of the database differs from 0002_b.sql"},
		"a gap":           {map[int]string{1: a, 3: c}, nil, "version 2 is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pending, err := missing(all, tc.applied)
			require.Equal(t, tc.want, pending)
			if tc.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, errSchema)
			require.ErrorContains(t, err, tc.err)
			require.ErrorContains(t, err, "use another database")
		})
	}
}
