package replicas

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// askQuery settles first whether the server is a standby, so that a promotion in between
// does not mix the answers. Positions are numbers. A server tells nobody without the role
// pg_monitor the timeline that it receives.
const askQuery = `with server as materialized (select pg_is_in_recovery() as standby)
select standby::int,
       (case when standby then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end - '0/0')::bigint,
       case when standby then (select received_tli from pg_stat_wal_receiver)
            else ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int end,
       (select count(*) from pg_stat_wal_receiver),
       (not standby and current_setting('transaction_read_only')::bool)::int
from server`

// answer is what a server says about itself.
type answer struct {
	sight
	// readOnly is whether a primary is set to refuse writes.
	readOnly bool
}

// ask asks the server of a connection.
func ask(ctx context.Context, conn *pgconn.PgConn) (answer, error) {
	at := time.Now()
	results, err := conn.Exec(ctx, askQuery).ReadAll()
	if err != nil {
		return answer{}, fmt.Errorf("asking for role and position: %w", err)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) != 5 {
		return answer{}, errors.New("asking for role and position: not one row")
	}
	var values [5]uint64
	for n, raw := range results[0].Rows[0] {
		if raw == nil { // A standby that has replayed nothing yet, or keeps its timeline to itself.
			continue
		}
		if values[n], err = strconv.ParseUint(string(raw), 10, 64); err != nil {
			return answer{}, fmt.Errorf("reading role and position: %w", err)
		}
	}
	return answer{
		sight: sight{
			at: at, primary: values[0] == 0, position: lsn(values[1]),
			timeline: uint32(values[2]), following: values[3] > 0,
		},
		readOnly: values[4] == 1,
	}, nil
}
