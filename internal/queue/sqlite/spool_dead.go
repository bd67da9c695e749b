package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// DeadLetter is what is in the group Dead of a spool's file.
type DeadLetter struct {
	queue.DeadInfo
	// Event comes without Data; Size is the length of that in bytes.
	Event *event.Event
	Size  int64

	id int64 // Of the delivery.
}

// selectDead reads them in the order of acceptance, but for what is unreadable or leased.
var selectDead = numbers.Replace(`SELECT d.id, d.dead_info, e.attributes, e.content_type, length(e.data)
	FROM deliveries d JOIN events e ON e.seq = d.id >> 1 WHERE d.grp = {dead} AND d.state = {ready} ORDER BY d.id`)

// DeadLetters returns what is in the group Dead. It takes nothing out.
func (f *SpoolFile) DeadLetters(ctx context.Context) (all []DeadLetter, err error) {
	err = f.read(ctx, func() error {
		rows, err := f.reader.QueryContext(ctx, selectDead)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var (
				l                       DeadLetter
				info                    sql.NullString
				attributes, contentType string
			)
			if err := rows.Scan(&l.id, &info, &attributes, &contentType, &l.Size); err != nil {
				return err
			}
			_ = json.Unmarshal([]byte(info.String), &l.DeadInfo) // It is shown as far as it can be read.
			if l.Event, err = decode(attributes, contentType, nil); err == nil {
				all = append(all, l)
			}
		}
		return rows.Err()
	})
	return all, err
}

// DropDead deletes dead letters for good.
func (f *SpoolFile) DropDead(ctx context.Context, letters ...DeadLetter) error {
	return f.eachDead(ctx, letters, func(tx *transaction, l DeadLetter) error {
		n, err := tx.exec(tx.takeDead, l.id)
		if err != nil || n == 0 {
			return err
		}
		if err := tx.finish(&lease{id: l.id}); err != nil {
			return err
		}
		return tx.leave(groupDead, sql.NullInt64{})
	})
}

// Restore moves all dead letters back to where they waited. It is for starts, too.
func (f *SpoolFile) Restore(ctx context.Context) error {
	letters, err := f.DeadLetters(ctx)
	if err != nil {
		return err
	}
	return f.eachDead(ctx, letters, func(tx *transaction, l DeadLetter) error {
		group, order := groupOf(l.id), orderOf(l.id, l.Event)
		n, err := tx.exec(tx.restore, l.id, group, order)
		if err != nil || n == 0 {
			return err
		}
		tx.arriveOf(group, l.Event.Lane())
		return tx.leave(groupDead, sql.NullInt64{})
	})
}

func (f *SpoolFile) eachDead(ctx context.Context, letters []DeadLetter, step func(*transaction, DeadLetter) error) error {
	if len(letters) == 0 {
		return nil
	}
	return f.write(ctx, len(letters), func(tx *transaction) error {
		for _, l := range letters {
			if err := step(tx, l); err != nil {
				return err
			}
		}
		return nil
	})
}
