package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
)

// copyFrom is how many entries a batch has at least to be copied: COPY costs the server less than
// insertLog, and more round trips.
const copyFrom = 100

// errRecorded means that the log has something of a batch already, or has its event at another time.
var errRecorded = errors.New("something of the batch is recorded already")

// copyNew adds a batch to the log and the read models that is new as a whole, which nearly all are,
// and leaves in it what is in the log then. Otherwise it returns errRecorded and has changed nothing.
func (s *Store) copyNew(ctx context.Context, b *batch, slot int32) error {
	statuses := store.Project(b.rows)
	if !agree(b.rows, statuses) {
		return errRecorded
	}
	err := pgx.BeginFunc(ctx, s.primary(), func(tx pgx.Tx) error {
		if err := claimNew(ctx, tx, b, statuses); err != nil {
			return err
		}
		if err := s.db.Copy(ctx, copyLog, len(b.rows), func(ctx context.Context) error {
			_, err := tx.Conn().PgConn().CopyFrom(ctx, &logReader{rows: b.rows}, copyLog)
			return err
		}); err != nil {
			return err
		}
		counters := &pgx.Batch{}
		counters.Queue(addUsers, userArrays(b.rows)...)
		counters.Queue(addBots, botArrays(b.rows, slot)...)
		return tx.SendBatch(ctx, counters).Close()
	})
	if codeOf(err) == codeUnique {
		return errRecorded
	}
	if err != nil {
		return err
	}
	for i, e := range b.rows {
		b.rows[i] = e.At(e.EventTime)
	}
	return nil
}

// agree reports whether all entries of an event tell the same time of it.
func agree(rows []store.Entry, statuses []store.Projection) bool {
	if len(rows) == len(statuses) {
		return true
	}
	for i := range rows {
		n, _ := slices.BinarySearchFunc(statuses, rows[i].About(), func(p store.Projection, id string) int {
			return strings.Compare(p.EventID, id)
		})
		if !rows[i].EventTime.Equal(statuses[n].EventTime) {
			return false
		}
	}
	return true
}

// claimNew locks the log and merges the statuses into those that are there, which must have the
// same times.
func claimNew(ctx context.Context, tx pgx.Tx, b *batch, statuses []store.Projection) error {
	claims := &pgx.Batch{}
	claims.Queue(enterLog, enterLogArrays(b)...)
	claims.Queue(claimStatus, statusArrays(statuses)...).Query(func(rows pgx.Rows) error {
		var at time.Time
		n := 0
		_, err := pgx.ForEachRow(rows, []any{&at}, func() error {
			if !at.Equal(statuses[n].EventTime) {
				return errRecorded
			}
			n++
			return nil
		})
		return err
	})
	return tx.SendBatch(ctx, claims).Close()
}

// logReader encodes rows of the log for copyLog, as they are read
// (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format").
type logReader struct {
	rows []store.Entry
	// next is how many rows are encoded; buffer has what of the last was not read yet.
	next   int
	buffer []byte
	rest   []byte
}

const (
	copyHeader = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	copyEnd    = "\xff\xff"
	copyNull   = "\xff\xff\xff\xff"
)

// epoch is PostgreSQL's.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

// Read implements [io.Reader]. It fills p, which is sent as one message.
func (r *logReader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.rest) == 0 && !r.encode() {
			return n, io.EOF
		}
		copied := copy(p[n:], r.rest)
		n, r.rest = n+copied, r.rest[copied:]
	}
	return n, nil
}

// encode encodes what comes next, if anything does.
func (r *logReader) encode() bool {
	to := r.buffer[:0]
	if r.next == 0 {
		to = append(to, copyHeader...)
	}
	switch {
	case r.next < len(r.rows):
		to = appendRow(to, &r.rows[r.next])
	case r.next == len(r.rows):
		to = append(to, copyEnd...)
	default:
		return false
	}
	r.next++
	r.buffer, r.rest = to, to
	return true
}

// appendRow appends a row in the order of logColumns.
func appendRow(to []byte, e *store.Entry) []byte {
	to = binary.BigEndian.AppendUint16(to, logColumnCount)
	to = appendTime(to, e.EventTime)
	to = appendTime(to, store.Micros(e.Time))
	to = appendTime(to, e.RecordedAt)
	if e.NotBefore.IsZero() {
		to = append(to, copyNull...)
	} else {
		to = appendTime(to, store.Micros(e.NotBefore))
	}
	for _, n := range [...]int64{int64(e.State.Attempts), int64(e.State.Replays), e.Took.Milliseconds()} {
		if e.Ref == "" {
			to = append(to, copyNull...)
			continue
		}
		to = binary.BigEndian.AppendUint32(append(to, 0, 0, 0, 4), uint32(n))
	}
	to = binary.BigEndian.AppendUint16(append(to, 0, 0, 0, 2), uint16(e.Bucket))
	to = binary.BigEndian.AppendUint16(append(to, 0, 0, 0, 2), uint16(store.Code(e.State.Status)))
	to = appendText(to, e.ID)
	if e.Ref == "" {
		to = append(to, copyNull...)
	} else {
		to = appendText(to, e.Ref)
	}
	for _, text := range [...]string{
		e.Bot, e.EventType, e.Subject, e.OrderKey, e.VerifiedBy, e.TraceParent, e.RequestID, e.ContentType,
		string(e.Headers),
	} {
		to = appendText(to, text)
	}
	return appendText(to, e.Data)
}

func appendTime(to []byte, at time.Time) []byte {
	return binary.BigEndian.AppendUint64(append(to, 0, 0, 0, 8), uint64(at.UnixMicro()-epoch))
}

func appendText[T string | []byte](to []byte, text T) []byte {
	return append(binary.BigEndian.AppendUint32(to, uint32(len(text))), text...)
}
