package refusal

import (
	"context"
	"database/sql"
	"time"

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
	all, err := readSaid[report.Limits](ctx, l.DB.Reader, selectLimits, time.Now().Add(-freshLimits).UnixMicro(), maxGateways)
	limits := make([]Limits, len(all))
	for i, s := range all {
		limits[i] = Limits{Limits: s.document, Gateway: s.by, At: s.at}
	}
	return limits, l.Failed("reading limits", err)
}

// setLimits replaces what is known of a gateway's limits, unless that is newer.
func setLimits(ctx context.Context, tx *sql.Tx, r *report.Report) error {
	if r.Limits == nil {
		return nil
	}
	return writeSaid(ctx, tx, r.Limits, `insert into gateway_limits (gateway, at, document) values ($1, $2, $3)
on conflict (gateway) do update set at = excluded.at, document = excluded.document where gateway_limits.at < excluded.at`,
		clean(r.Gateway), r.At.UnixMicro())
}

// forgetOffenders drops who is over a limit.
func (l *Log) forgetOffenders(ctx context.Context) error {
	all, err := readSaid[report.Limits](ctx, l.DB.Writer, selectLimits, 0, maxGateways)
	if err != nil {
		return err
	}
	for _, one := range all {
		one.document.Offenders = nil
		err := writeSaid(ctx, l.DB.Writer, one.document, `update gateway_limits set document = $3 where gateway = $1 and at = $2`,
			one.by, one.at.UnixMicro())
		if err != nil {
			return err
		}
	}
	return nil
}
