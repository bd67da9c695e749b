package refusal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/internal/report"
)

const (
	// freshLimits is how old a report may be that says what the limits of a gateway are: each says it every hour.
	freshLimits = 2 * time.Hour
	// maxGateways bounds how many gateways an answer is about.
	maxGateways = 200
)

// Limits are those of a gateway.
type Limits struct {
	report.Limits

	Gateway string
	// At is when the gateway said so.
	At time.Time
}

const selectLimits = `select gateway, at, document from gateway_limits where at >= $1 order by gateway limit $2`

// Limits returns those of the gateways that reported lately.
func (l *Log) Limits(ctx context.Context) ([]Limits, error) {
	all, err := sqldb.Query(ctx, l.DB.Reader, scanLimits, selectLimits, time.Now().Add(-freshLimits).UnixMicro(), maxGateways)
	return all, l.Failed("reading limits", err)
}

func scanLimits(rows *sql.Rows) (l Limits, err error) {
	var at int64
	var document string
	if err := rows.Scan(&l.Gateway, &at, &document); err != nil {
		return l, err
	}
	l.At = time.UnixMicro(at).UTC()
	return l, json.Unmarshal([]byte(document), &l.Limits)
}

// setLimits replaces what is known of a gateway's limits, unless that is newer.
func setLimits(ctx context.Context, tx *sql.Tx, r *report.Report) error {
	if r.Limits == nil {
		return nil
	}
	document, err := json.Marshal(r.Limits)
	if err != nil {
		return fmt.Errorf("encoding limits: %w", err)
	}
	_, err = tx.ExecContext(ctx, `insert into gateway_limits (gateway, at, document) values ($1, $2, $3)
on conflict (gateway) do update set at = excluded.at, document = excluded.document where gateway_limits.at < excluded.at`,
		clean(r.Gateway), r.At.UnixMicro(), string(document))
	return err
}

// forgetOffenders drops who is over a limit.
func (l *Log) forgetOffenders(ctx context.Context) error {
	all, err := sqldb.Query(ctx, l.DB.Writer, scanLimits, selectLimits, 0, maxGateways)
	if err != nil {
		return err
	}
	for _, one := range all {
		one.Offenders = nil
		document, err := json.Marshal(one.Limits)
		if err != nil {
			return err
		}
		_, err = l.DB.Writer.ExecContext(ctx, `update gateway_limits set document = $1 where gateway = $2 and at = $3`,
			string(document), one.Gateway, one.At.UnixMicro())
		if err != nil {
			return err
		}
	}
	return nil
}
