package postgres_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

// BenchmarkAppend compares Append with the bare statements on a bare table, which is
// as fast as one connection gets.
func BenchmarkAppend(b *testing.B) {
	url := testsvc.Postgres(b)
	s := migrated(b, url)
	conn, err := pgx.Connect(b.Context(), url)
	require.NoError(b, err)
	defer func() { require.NoError(b, conn.Close(b.Context())) }()
	_, err = conn.Exec(b.Context(), "create table bare (id text primary key, data bytea)")
	require.NoError(b, err)
	for _, size := range []int{1, 50, 500} {
		for name, write := range map[string]func([]*event.Event) error{
			"Append": func(batch []*event.Event) error { return storetest.Append(b.Context(), s, batch) },
			"Unnest": func(batch []*event.Event) error { return unnest(b, conn, batch) },
			"Copy":   func(batch []*event.Event) error { return bulk(b, conn, batch) },
		} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) { storetest.BenchmarkAppend(b, size, write) })
		}
	}
}

func unnest(b *testing.B, conn *pgx.Conn, batch []*event.Event) error {
	ids, bodies := make([]string, len(batch)), make([][]byte, len(batch))
	for i, e := range batch {
		ids[i], bodies[i] = e.ID, e.Data
	}
	_, err := conn.Exec(b.Context(),
		"insert into bare select * from unnest($1::text[], $2::bytea[]) on conflict do nothing", ids, bodies)
	return err
}

func bulk(b *testing.B, conn *pgx.Conn, batch []*event.Event) error {
	rows := pgx.CopyFromSlice(len(batch), func(i int) ([]any, error) { return []any{batch[i].ID, batch[i].Data}, nil })
	_, err := conn.CopyFrom(b.Context(), pgx.Identifier{"bare"}, []string{"id", "data"}, rows)
	return err
}
