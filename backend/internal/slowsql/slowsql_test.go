package slowsql_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/internal/slowsql"
	"github.com/botgate/botgate/internal/testlog"
)

func TestName(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]string{
		"select id from events where bot = $1":                                                     "select events",
		"SELECT e.id FROM events e JOIN bodies b USING (id) LEFT JOIN \"users\" u ON":              "select events bodies users",
		"insert into user_counts (day, n) values ($1, 'x') on conflict (day) do update set n = $2": "insert user_counts",
		"update jobs set lease = $1 where id in (select id from jobs for update skip locked)":      "update jobs",
		"delete from only sessions where ends_at < $1":                                             "delete sessions",
		"with old as (select 1 from unnest($1::text[]) u) insert into events select * from old":    "select events old",
		"select extract(epoch from now())":                                                         "select",
		"COPY events (id) FROM STDIN BINARY":                                                       "copy events",
		"commit":                                                                                   "commit",
		"stmtcache_1234":                                                                           "other",
		"create table if not exists a (id text)":                                                   "create",
		"select 1 from a, b join c on true join d on true join e on true":                          "select a c d e",
	} {
		require.Equal(t, want, slowsql.Name(statement), statement)
	}
}

func TestOnlyWhatTakesLong(t *testing.T) {
	t.Parallel()
	slowsql.New(nil, 0).Took("select 1", time.Hour)
	var log testlog.Buffer
	l := slowsql.New(log.Logger(), time.Second)
	l.Took("select 'secret' from quick", time.Second-1)
	require.Empty(t, log.String())
	for range 3 {
		l.Took("select 'secret' from slow", 1500*time.Millisecond)
	}
	require.Regexp(t, `^\S+ level=WARN msg="a statement took long" statement="select slow" took=1.5s threshold=1s times=1\n$`, log.String())
	for i := range 1000 {
		l.Took(fmt.Sprint("select a from t", i), time.Minute)
	}
	require.Equal(t, 200, strings.Count(log.String(), "\n"), "names are bounded")
}
