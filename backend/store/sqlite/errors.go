package sqlite

import (
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

// classify marks every error but those of the data as [store.ErrUnavailable]: an event is
// dead-lettered only when it is itself the cause.
func classify(err error) error {
	if errors.Is(err, store.ErrFenced) || errors.Is(err, sqlstore.ErrNotFenced) {
		return err
	}
	if refused := (*driver.Error)(nil); errors.As(err, &refused) {
		// The low byte is the primary code, the rest says more.
		switch refused.Code() & 0xff {
		case sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE:
			return err
		}
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
