package sqlite

import (
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/botgate/botgate/backend/store"
)

// classify tells what is wrong with the data from everything else, which counts as
// unavailable: an event is given up only when it is itself the reason.
func classify(err error) error {
	if errors.Is(err, store.ErrFenced) || errors.Is(err, errNotMoved) {
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
