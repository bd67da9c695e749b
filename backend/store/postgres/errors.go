package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/botgate/botgate/backend/store"
)

// classify tells what is wrong with the data from everything else, which counts as
// unavailable: an event is given up only when it is itself the reason. The classes are
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
func classify(err error) error {
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) && len(refused.Code) == 5 {
		switch refused.Code[:2] {
		case "22", "23", "54": // data exception, constraint violation, program limit
			return err
		}
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
