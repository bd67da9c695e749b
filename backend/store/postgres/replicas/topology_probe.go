package replicas

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// statusQuery settles first whether the server is in recovery, so that a promotion in between
// does not mix the answers. Positions are numbers. A server shows the timeline that it receives
// to the role pg_monitor only.
const statusQuery = `with server as materialized (select pg_is_in_recovery() as standby)
select standby::int,
       (case when standby then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end - '0/0')::bigint,
       case when standby then (select received_tli from pg_stat_wal_receiver)
            else ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int end,
       (select count(*) from pg_stat_wal_receiver),
       (not standby and current_setting('transaction_read_only')::bool)::int,
       (current_setting('synchronous_standby_names') = '')::int
from server`

// status is what a server reports about itself.
type status struct {
	observation
	// readOnly is whether a primary is set to refuse writes.
	readOnly bool
	// asynchronous is whether it waits for no standby.
	asynchronous bool
}

// readStatus asks the server of a connection.
func readStatus(ctx context.Context, conn *pgconn.PgConn) (status, error) {
	at := time.Now()
	results, err := conn.Exec(ctx, statusQuery).ReadAll()
	if err != nil {
		return status{}, fmt.Errorf("reading role and position: %w", err)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) != 6 {
		return status{}, errors.New("reading role and position: not one row")
	}
	var values [6]uint64
	for n, raw := range results[0].Rows[0] {
		if raw == nil { // A standby that has replayed nothing yet, or hides its timeline.
			continue
		}
		if values[n], err = strconv.ParseUint(string(raw), 10, 64); err != nil {
			return status{}, fmt.Errorf("reading role and position: %w", err)
		}
	}
	return status{
		observation: observation{
			at: at, primary: values[0] == 0, position: lsn(values[1]),
			timeline: uint32(values[2]), streaming: values[3] > 0,
		},
		readOnly: values[4] == 1, asynchronous: values[5] == 1,
	}, nil
}
