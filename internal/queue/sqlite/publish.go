package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// row is an event as the file has it.
type row struct {
	id, attributes, contentType string
	seen                        []byte // The key of its id.
	data                        []byte
	lane                        string
	laneHash, orderHash         int64
	record, dispatch            bool
	again                       bool // It is redelivered, or a report, so it is no part of the history.
	replays                     int  // Of its delivery in Dispatch.
}

// size is what an event counts for in the history.
func (r *row) size() int64 { return int64(len(r.attributes) + len(r.contentType) + len(r.data)) }

// Publish implements [queue.Queue]. It returns after the fsync of a transaction that holds
// all the events.
func (q *Queue) Publish(ctx context.Context, events ...*event.Event) error {
	if err := q.room(events); err != nil {
		return err
	}
	_, err := q.publish(ctx, events)
	return err
}

// publish also says, for each event in turn, whether it was queued; the others are repeats.
func (q *Queue) publish(ctx context.Context, events []*event.Event) (queued []bool, err error) {
	rows, size := make([]row, len(events)), int64(0)
	for i, e := range events {
		if rows[i], err = newRow(e); err != nil {
			return nil, err
		}
		size += rows[i].size()
	}
	queued = make([]bool, len(rows))
	err = q.write(ctx, len(rows), func(tx *transaction) (err error) {
		now := time.Now().UnixNano()
		for i := range rows {
			if queued[i], err = tx.add(&rows[i], now); err != nil {
				return err
			}
		}
		return nil
	})
	q.size.Add(size)
	return queued, err
}

// The names of what is among the attributes and is none.
const (
	headersName   = "headers"
	replyByName   = "replyby"
	ephemeralName = "ephemeral"
)

func newRow(e *event.Event) (row, error) {
	if err := e.Validate(); err != nil {
		return row{}, fmt.Errorf("%w: %w", queue.ErrInvalid, err)
	}
	named := maps.Collect(e.Attributes())
	if e.Headers != "" {
		named[headersName] = string(e.Headers)
	}
	if !e.ReplyBy.IsZero() {
		named[replyByName] = e.ReplyBy.UTC().Format(time.RFC3339Nano)
	}
	if e.Ephemeral {
		named[ephemeralName] = "true"
	}
	encoded, err := json.Marshal(named)
	if err != nil {
		return row{}, fmt.Errorf("encoding the attributes of event %s: %w", e.ID, err)
	}
	data := e.Data
	if data == nil {
		data = []byte{} // Nil would be NULL.
	}
	return row{
		id:          e.ID,
		attributes:  string(encoded),
		contentType: e.ContentType,
		data:        data,
		lane:        e.Lane(),
		laneHash:    hashText(e.Lane()),
		seen:        seenKey(e.ID),
		orderHash:   hashText(e.Key()),
		record:      true,
		dispatch:    e.ForBot(),
		again:       e.IsReport(),
	}, nil
}

// decode is the reverse of newRow.
func decode(attributes, contentType string, data []byte) (*event.Event, error) {
	var named map[string]string
	if err := json.Unmarshal([]byte(attributes), &named); err != nil {
		return nil, fmt.Errorf("decoding attributes: %w", err)
	}
	e, err := event.FromAttributes(func(name string) string { return named[name] }, contentType, data)
	if err == nil {
		e.Headers, e.Ephemeral = event.Headers(named[headersName]), named[ephemeralName] != ""
	}
	if by := named[replyByName]; err == nil && by != "" {
		e.ReplyBy, err = time.Parse(time.RFC3339Nano, by)
	}
	return e, err
}

// hashText hashes the keys that order deliveries, and the names of bots. Two keys with the same hash
// would only wait for each other; a cryptographic hash keeps senders from choosing such keys.
func hashText(text string) int64 {
	sum := sha256.Sum256([]byte(text))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// seenKey is the key by which an id is remembered: the bytes of a UUID, which are less than half of its
// text, else a hash, which is longer than those.
func seenKey(id string) []byte {
	if key, err := uuid.Parse(id); err == nil && key.String() == id {
		return key[:]
	}
	sum := sha256.Sum256([]byte(id))
	return sum[:]
}

// add queues an event and reports whether it did: an id that is known is a repeat.
func (tx *transaction) add(r *row, now int64) (bool, error) {
	if n, err := tx.exec(tx.remember, r.seen, now); err != nil || n == 0 {
		return false, err
	}
	return true, tx.queue(r, now)
}

// queue queues an event for its groups. It is fresh there.
func (tx *transaction) queue(r *row, now int64) error {
	seq := tx.nextSeq
	_, err := tx.exec(tx.addEvent, seq, now, tx.nextPos, r.again, r.groups(), r.laneHash, r.orderHash, r.replays,
		r.attributes, r.contentType, r.data)
	if err != nil {
		return err
	}
	tx.wrote = true
	if !tx.keeps && tx.floor == seq {
		tx.floor++ // Where nothing was ever kept there is nothing to cut.
	}
	tx.nextSeq++
	tx.nextPos += r.size()
	if r.record {
		tx.arrive(groupRecord)
	}
	if r.dispatch {
		tx.arrive(groupDispatch)
		tx.count(r.laneHash, r.lane, 1)
	}
	return nil
}

// rehearsed is the size of the event that is rehearsed, in bytes: most are smaller.
const rehearsed = 16 << 10

// rehearse writes an event of ordinary size and takes it back: it finds out whether there is room for one.
func (tx *transaction) rehearse() error {
	if _, err := tx.exec(tx.addEvent, tx.nextSeq, 0, tx.nextPos, false, 0, 0, 0, 0, "", "", make([]byte, rehearsed)); err != nil {
		return err
	}
	tx.wrote, tx.changed = true, true
	_, err := tx.exec(tx.unwrite, tx.nextSeq)
	return err
}

// groups is the set of the groups that the event concerns, as the file has it.
func (r *row) groups() (set int) {
	if r.record {
		set |= bitOf(groupRecord)
	}
	if r.dispatch {
		set |= bitOf(groupDispatch)
	}
	return set
}

// bitOf is the place of Record or Dispatch in the set of an event's groups.
func bitOf(group int) int { return 1 << (group - groupRecord) }

// recordID is the id of an event's delivery in Record; the one in Dispatch follows it.
func recordID(seq int64) int64 { return seq << 1 }

// seqOf is the event that a delivery belongs to.
func seqOf(id int64) int64 { return id >> 1 }

// sibling is the id of the event's delivery in the other group.
func sibling(id int64) int64 { return id ^ 1 }

// groupOf is the group that a delivery was made for.
func groupOf(id int64) int {
	if id == recordID(seqOf(id)) {
		return groupRecord
	}
	return groupDispatch
}
