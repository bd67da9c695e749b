package bench

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/record"
	"github.com/botgate/botgate/backend/store"
)

const (
	bareBatch    = 500
	barePrefetch = 2000
	// bareWait is how long a batch waits to fill.
	bareWait = 10 * time.Millisecond

	bareTable = `create table commands (id text primary key, user_id text not null, type text not null, body jsonb not null,
	received_at timestamptz not null default now())`
	bareInsert = `insert into commands (id, user_id, type, body)
select * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[]) on conflict (id) do nothing`
)

// bareLoop is what somebody writes by hand to take commands from a quorum queue into a table, with
// nothing around it: a batch is collected while the one before is written, and acknowledged at once.
type bareLoop struct {
	channel  *amqp.Channel
	arriving <-chan amqp.Delivery
	db       *pgx.Conn
	write    func(context.Context, *pgx.Conn, *bareRows) error
}

// bareRows are the columns of a batch.
type bareRows struct {
	ids, users, types, bodies []string
	last                      uint64
}

// bareQueue fills a quorum queue with commands as they are: one message each, without headers.
func bareQueue(b *testing.B, ch *amqp.Channel, name string, n int) {
	_, err := ch.QueueDeclare(name, true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
	require.NoError(b, err)
	require.NoError(b, ch.Confirm(false))
	var pending []*amqp.DeferredConfirmation
	for i, e := range commands(b, n) {
		confirmation, err := ch.PublishWithDeferredConfirmWithContext(b.Context(), "", name, true, false, amqp.Publishing{
			DeliveryMode: amqp.Persistent, ContentType: "application/json", MessageId: e.ID, Body: e.Data,
		})
		require.NoError(b, err)
		if pending = append(pending, confirmation); len(pending) == batch || i == n-1 {
			for _, c := range pending {
				require.True(b, c.Wait())
			}
			pending = pending[:0]
		}
	}
}

func (l *bareLoop) consume(b *testing.B, queue string) {
	var err error
	require.NoError(b, l.channel.Qos(barePrefetch, 0, false))
	l.arriving, err = l.channel.Consume(queue, "", false, false, false, false, nil)
	require.NoError(b, err)
}

// run takes n commands.
func (l *bareLoop) run(ctx context.Context, n int) error {
	batches, failed := make(chan *bareRows), make(chan error, 1)
	var writing sync.WaitGroup
	writing.Go(func() {
		for rows := range batches {
			err := l.write(ctx, l.db, rows)
			if err == nil {
				err = l.channel.Ack(rows.last, true)
			}
			if err != nil {
				failed <- err
				return
			}
		}
	})
	defer writing.Wait()
	defer close(batches)
	for n > 0 {
		rows, err := l.collect()
		if err != nil {
			return err
		}
		n -= len(rows.ids)
		select {
		case batches <- rows:
		case err := <-failed:
			return err
		}
	}
	return nil
}

func (l *bareLoop) collect() (*bareRows, error) {
	rows := &bareRows{}
	if err := rows.add(<-l.arriving); err != nil {
		return nil, err
	}
	late := time.NewTimer(bareWait)
	defer late.Stop()
	for len(rows.ids) < bareBatch {
		select {
		case m := <-l.arriving:
			if err := rows.add(m); err != nil {
				return nil, err
			}
		case <-late.C:
			return rows, nil
		}
	}
	return rows, nil
}

func (r *bareRows) add(m amqp.Delivery) error {
	var command struct {
		Type string `json:"type"`
		User struct {
			ID string `json:"id"`
		} `json:"user"`
	}
	if err := json.Unmarshal(m.Body, &command); err != nil {
		return err
	}
	r.ids, r.users = append(r.ids, m.MessageId), append(r.users, command.User.ID)
	r.types, r.bodies = append(r.types, command.Type), append(r.bodies, string(m.Body))
	r.last = m.DeliveryTag
	return nil
}

func writeUnnest(ctx context.Context, db *pgx.Conn, r *bareRows) error {
	_, err := db.Exec(ctx, bareInsert, r.ids, r.users, r.types, r.bodies)
	return err
}

// writeCopy falls back on the other where a command is there already.
func writeCopy(ctx context.Context, db *pgx.Conn, r *bareRows) error {
	source := pgx.CopyFromSlice(len(r.ids), func(i int) ([]any, error) {
		return []any{r.ids[i], r.users[i], r.types[i], r.bodies[i]}, nil
	})
	_, err := db.CopyFrom(ctx, pgx.Identifier{"commands"}, []string{"id", "user_id", "type", "body"}, source)
	if refused, ok := err.(*pgconn.PgError); ok && refused.Code == "23505" { //nolint:errorlint // pgx returns it as it is.
		return writeUnnest(ctx, db, r)
	}
	return err
}

// bareStore has the table and the statements of bareLoop.
func bareStore(b *testing.B, url string) record.Store {
	pool, err := pgxpool.New(b.Context(), url)
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	_, err = pool.Exec(b.Context(), bareTable)
	require.NoError(b, err)
	return appendFunc(func(ctx context.Context, entries []store.Entry) ([]store.Entry, error) {
		rows := &bareRows{}
		for _, e := range entries {
			rows.ids, rows.users = append(rows.ids, e.ID), append(rows.users, e.Subject)
			rows.types, rows.bodies = append(rows.types, e.Type), append(rows.bodies, string(e.Data))
		}
		err := pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error { return writeCopy(ctx, c.Conn(), rows) })
		return entries, err
	})
}

type appendFunc func(context.Context, []store.Entry) ([]store.Entry, error)

func (f appendFunc) Append(ctx context.Context, entries []store.Entry) ([]store.Entry, error) {
	return f(ctx, entries)
}
