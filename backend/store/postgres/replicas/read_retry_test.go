package replicas

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

func TestWhichReadsAreRetriedOnThePrimary(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		io.ErrUnexpectedEOF, io.EOF, net.ErrClosed, context.DeadlineExceeded, &net.OpError{Op: "dial", Err: io.EOF},
		&pgconn.ConnectError{}, &pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "40001"}, &pgconn.PgError{Code: "42P01"},
	} {
		require.True(t, retryable(err), "%T %v", err, err)
	}
	for _, err := range []error{
		pgx.ErrNoRows, errAcquireTimeout, context.Canceled, &pgconn.PgError{Code: "57014"}, &pgconn.PgError{Code: "22P02"}, &pgconn.PgError{},
	} {
		require.False(t, retryable(err), "%T %v", err, err)
	}
}
