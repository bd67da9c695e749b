package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/botgate/botgate/backend/store"
)

// Error codes of the database, see
// https://www.postgresql.org/docs/current/errcodes-appendix.html; those of enter_log and
// enter_day are our own.
const (
	codeFenced    = "LG001"
	codeErased    = "LG002"
	codeDayInUse  = "LG003"
	codeCheck     = "23514"
	codeUnique    = "23505"
	codeLocked    = "55P03"
	codeUndefined = "42P01"
)

// codeOf returns the error code of the server, or "" when the error is another one.
func codeOf(err error) string {
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

// noPartition reports whether a row found no partition: a check violation without a constraint's
// name.
func noPartition(err error) bool {
	refused := (*pgconn.PgError)(nil)
	return errors.As(err, &refused) && refused.Code == codeCheck && refused.ConstraintName == ""
}

// classify marks every error but those of the data as [store.ErrUnavailable]: an event is
// dead-lettered only when it is itself the cause.
func classify(err error) error {
	if code := codeOf(err); len(code) == 5 && !noPartition(err) {
		switch code[:2] {
		case "22", "23", "54": // data exception, constraint violation, program limit
			return err
		}
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
