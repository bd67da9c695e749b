package sharded

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

func writeFile(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.url"), []byte("postgres://u:hunter2@b/db\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "empty.url"), []byte("\n"), 0o600))
	path := filepath.Join(dir, "shards.json")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func variables(name string) string {
	return map[string]string{"C_URL": "postgres://u:hunter2@c/db", "C_REPLICA": "postgres://u:hunter2@r/db"}[name]
}

func TestLoad(t *testing.T) {
	t.Parallel()
	m, err := Load(writeFile(t, `{
		"shards": {"a": {"url": "sqlite:data/a.db"}, "b": {"url_file": "b.url"}, "c": {"url_env": "C_URL", "replica_url_env": "C_REPLICA"}},
		"buckets": [{"from": 512, "to": 1023, "shard": "b"}, {"from": 0, "to": 0, "shard": "c"}, {"from": 1, "to": 511, "shard": "a"}]}`), variables)
	require.NoError(t, err)
	require.Equal(t, []Shard{
		{Name: "a", URL: "sqlite:data/a.db"},
		{Name: "b", URL: "postgres://u:hunter2@b/db"},
		{Name: "c", URL: "postgres://u:hunter2@c/db", ReplicaURL: "postgres://u:hunter2@r/db"},
	}, m.Shards)
	for bucket, want := range map[int]string{0: "c", 1: "a", 511: "a", 512: "b", 1023: "b"} {
		require.Equal(t, want, m.Owners[bucket], bucket)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	const (
		shards = `"shards": {"a": {"url": "sqlite:a.db"}, "b": {"url_file": "b.url"}}`
		whole  = `"buckets": [{"from": 0, "to": 1023, "shard": "a"}]`
	)
	for name, c := range map[string]struct{ content, want string }{
		"not json":         {`{`, "unexpected EOF"},
		"more than that":   {`{` + shards + `, ` + whole + `} {}`, "follows the end"},
		"unknown field":    {`{` + shards + `, "bucket": []}`, `"bucket"`},
		"no shards":        {`{` + whole + `}`, "shards: none is named"},
		"bad name":         {`{"shards": {"a.b": {"url": "sqlite:a.db"}}, ` + whole + `}`, `shards: "a.b" is no name`},
		"no url":           {`{"shards": {"a": {}}, ` + whole + `}`, "shards: a: url: it is missing"},
		"bad url":          {`{"shards": {"a": {"url": "mysql://u:hunter2@h"}}, ` + whole + `}`, "shards: a: url: must be sqlite:<path> or postgres://<host>"},
		"two urls":         {`{"shards": {"a": {"url": "sqlite:a.db", "url_env": "C_URL"}}, ` + whole + `}`, "shards: a: url: only one of"},
		"unset variable":   {`{"shards": {"a": {"url_env": "NOT_SET"}}, ` + whole + `}`, "shards: a: url_env: the variable NOT_SET is not set"},
		"missing file":     {`{"shards": {"a": {"url_file": "nope"}}, ` + whole + `}`, "shards: a: url_file: open"},
		"empty file":       {`{"shards": {"a": {"url_file": "empty.url"}}, ` + whole + `}`, "shards: a: url_file:"},
		"replica of file":  {`{"shards": {"a": {"url": "sqlite:a.db", "replica_url_env": "C_REPLICA"}}, ` + whole + `}`, "shards: a: replica_url: must be"},
		"bad replica":      {`{"shards": {"a": {"url_file": "b.url", "replica_url": "sqlite:hunter2"}}, ` + whole + `}`, "shards: a: replica_url: must be"},
		"the same twice":   {`{"shards": {"a": {"url_file": "b.url"}, "b": {"url_file": "b.url"}}, ` + whole + `}`, "shards: a and b have the same url"},
		"no buckets":       {`{` + shards + `}`, "buckets: no range has the buckets 0-1023"},
		"gap":              {`{` + shards + `, "buckets": [{"from": 0, "to": 99, "shard": "a"}, {"from": 101, "to": 1023, "shard": "b"}]}`, "buckets: no range has the buckets 100"},
		"gap at the start": {`{` + shards + `, "buckets": [{"from": 2, "to": 1023, "shard": "b"}]}`, "buckets: no range has the buckets 0-1"},
		"gap at the end":   {`{` + shards + `, "buckets": [{"from": 0, "to": 1000, "shard": "b"}]}`, "buckets: no range has the buckets 1001-1023"},
		"overlap":          {`{` + shards + `, "buckets": [{"from": 90, "to": 1023, "shard": "b"}, {"from": 0, "to": 99, "shard": "a"}]}`, "buckets: two ranges have the buckets 90-99"},
		"inside another":   {`{` + shards + `, "buckets": [{"from": 0, "to": 1023, "shard": "b"}, {"from": 7, "to": 7, "shard": "a"}]}`, "buckets: two ranges have the buckets 7"},
		"backwards":        {`{` + shards + `, "buckets": [{"from": 9, "to": 8, "shard": "b"}]}`, "buckets: element 0: from and to"},
		"out of range":     {`{` + shards + `, "buckets": [{"from": 0, "to": 1024, "shard": "b"}]}`, "buckets: element 0: from and to"},
		"no from":          {`{` + shards + `, "buckets": [{"to": 1023, "shard": "b"}]}`, "buckets: element 0: from and to"},
		"no shard":         {`{` + shards + `, "buckets": [{"from": 0, "to": 1023}]}`, "buckets: element 0: shard is missing"},
		"unknown shard":    {`{` + shards + `, "buckets": [{"from": 0, "to": 1023, "shard": "z"}]}`, `buckets: bucket 0 belongs to "z"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeFile(t, c.content)
			_, err := Load(path, variables)
			require.ErrorContains(t, err, "shards file "+path)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := Load(filepath.Join(t.TempDir(), "nowhere.json"), variables)
	require.ErrorContains(t, err, "nowhere.json")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"shards": {"a": {"url": "sqlite:a.db"}}, "buckets": [{"from": 0, "to": 1023, "shard": "a"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parse(raw, t.TempDir(), func(string) string { return "" })
		if err != nil {
			return
		}
		require.NoError(t, m.Check())
		require.True(t, json.Valid(raw))
	})
}

func TestSingle(t *testing.T) {
	t.Parallel()
	m := Single("postgres://h/db", "")
	require.NoError(t, m.Check())
	require.Equal(t, []Shard{{Name: Main, URL: "postgres://h/db"}}, m.Shards)
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	var configured [event.Buckets]string
	for bucket := range configured {
		configured[bucket] = "a"
	}
	for name, c := range map[string]struct {
		fences map[string]Fences
		owner  string
		open   []string
	}{
		"no fences":          {nil, "a", nil},
		"moved":              {map[string]Fences{"a": {7: "b"}}, "b", nil},
		"another bucket":     {map[string]Fences{"a": {8: "b"}}, "a", nil},
		"moved on":           {map[string]Fences{"a": {7: "b"}, "b": {7: "c"}}, "c", nil},
		"moved back":         {map[string]Fences{"b": {7: "a"}}, "a", nil},
		"back over another":  {map[string]Fences{"b": {7: "c"}, "c": {7: "a"}}, "a", nil},
		"to who is unknown":  {map[string]Fences{"a": {7: "z"}}, "z", nil},
		"on its way back":    {map[string]Fences{"a": {7: "b"}, "b": {7: "a"}}, "b", []string{"a", "b"}},
		"between two others": {map[string]Fences{"a": {7: "c"}, "b": {7: "c"}, "c": {7: "b"}}, "b", []string{"c", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := route(configured, c.fences)
			require.Equal(t, c.owner, r.Owners[7])
			require.Equal(t, c.open, r.Between[7])
			require.Equal(t, "a", r.Owners[6])
			require.True(t, r.has["a"])
			require.True(t, r.has[c.owner])
		})
	}
}
