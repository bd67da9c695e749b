package sqlite

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store/storetest"
)

// fillEvents adds a delivered event for each number up to $1, one in 500 of them dead.
const fillEvents = `with recursive n (n) as (select 1 union all select n + 1 from n where n < $1)
insert into events (event_time, id, bucket, bot, type, status, attempt, replays, took_ms, subject, order_key, verified_by,
	trace_parent, content_type, time, recorded_at, data)
select 1790000000000000 + n * 1000, printf('event-%09d', n), n % 1024, 'bot' || (n % 5), 'type' || (n % 3), 10, 0, 0, 0, 'user-' || (n / 60),
	'k', 'jwt', '', 'application/json', 1790000000000000 + n * 1000, 1790000000000000 + n * 1000, x'7b7d' from n`

const fillChanges = `insert into events (event_time, id, ref, bucket, bot, type, status, attempt, replays, took_ms, subject, order_key,
	verified_by, trace_parent, content_type, time, recorded_at, data)
select event_time, id || '-c', id, bucket, bot, type, iif(substr(id, -3) in ('000', '500'), 30, 40), 1, 0, 5, subject, order_key,
	'botgate', '', 'application/json', time, recorded_at, cast('{"event_id":"' || id || '","status":"delivered","attempt":1}' as blob) from events`

const fillStatuses = `insert into event_status (event_id, event_time, bot, status, attempts, replays, updated_at)
select ref, event_time, bot, status, attempt, replays, time from events where ref is not null`

// BenchmarkList measures pages of a log of 72,000 rows; BOTGATE_LIST_ROWS=10000000 of ten million, which takes some 4 GB:
//
//	go test -tags nobadger,nomysql,nopgx -run - -bench List -timeout 1h ./backend/store/sqlite
func BenchmarkList(b *testing.B) {
	s := openPlans(b)
	_, err := s.writer.ExecContext(b.Context(), fillEvents, storetest.ListRows(b)/2)
	require.NoError(b, err)
	for _, fill := range []string{fillChanges, fillStatuses} {
		_, err := s.writer.ExecContext(b.Context(), fill)
		require.NoError(b, err)
	}
	storetest.BenchmarkList(b, s)
}
