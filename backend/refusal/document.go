package refusal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/internal/sqldb"
)

// said is a JSON document that a process reported of itself, and when it did.
type said[T any] struct {
	by       string
	at       time.Time
	document T
}

// readSaid reads the documents that a statement yields, as who said it, when and what.
func readSaid[T any](ctx context.Context, db *sql.DB, statement string, args ...any) ([]said[T], error) {
	return sqldb.Query(ctx, db, func(rows *sql.Rows) (s said[T], err error) {
		var at int64
		var text string
		if err := rows.Scan(&s.by, &at, &text); err != nil {
			return s, err
		}
		s.at = time.UnixMicro(at).UTC()
		return s, json.Unmarshal([]byte(text), &s.document)
	}, statement, args...)
}

// writeSaid has a statement keep a document, as its last argument.
func writeSaid(ctx context.Context, db sqldb.Executor, document any, statement string, args ...any) error {
	text, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("encoding a document: %w", err)
	}
	_, err = db.ExecContext(ctx, statement, append(args, string(text))...)
	return err
}
