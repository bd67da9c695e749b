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

func TestMinProgram(t *testing.T) {
	t.Parallel()
	with := func(text string) []version {
		all := files("0001_a.sql", "0002_b.sql")
		all["migrations/0002_b.sql"].Data = []byte("-- Why.\n" + text + "\nselect 1;\n")
		return load(all, "migrations")
	}
	require.Equal(t, 2, with("-- no header")[1].minProgram, "a program has to know it")
	require.Equal(t, 1, with("-- min_program: 1")[1].minProgram)
	for _, wrong := range []string{"-- min_program: 0", "-- min_program: 3"} {
		require.Panics(t, func() { with(wrong) })
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	all := load(files("0001_a.sql", "0002_b.sql", "0003_c.sql"), "migrations")
	has := func(numbers ...int) (list []applied) {
		for _, n := range numbers {
			list = append(list, applied{n, all[n-1].checksum, n})
		}
		return list
	}
	for name, tc := range map[string]struct {
		applied []applied
		want    []version
		err     string
	}{
		"new database":         {nil, all, ""},
		"older":                {has(1), all[1:], ""},
		"current":              {has(1, 2, 3), nil, ""},
		"newer":                {append(has(1, 2, 3), applied{4, "d", 4}), nil, "version 4, newer than this program"},
		"newer, expanded":      {append(has(1, 2, 3), applied{4, "d", 3}), nil, ""},
		"newer, expanded once": {append(has(1, 2, 3), applied{4, "d", 3}, applied{5, "e", 4}), nil, "would have to know 4"},
		"another program":      {append(has(1), applied{2, all[2].checksum, 2}), nil, "version 2 of the database differs from 0002_b.sql"},
		"a gap":                {has(1, 3), nil, "version 2 is missing"},
		"a gap before newer":   {append(has(1, 2), applied{4, "d", 1}), nil, "version 3 is missing"},
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
