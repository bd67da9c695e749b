package main

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestJoinedKeepsOrderAndWholeWrites(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	conn := join(near)
	const writers, each = 8, 200
	var group sync.WaitGroup
	var written atomic.Int64
	for w := range writers {
		group.Go(func() {
			for range each {
				n, _ := conn.Write([]byte(strings.Repeat(string(rune('a'+w)), 10)))
				written.Add(int64(n))
			}
		})
	}
	all := make([]byte, writers*each*10)
	_, err := io.ReadFull(far, all)
	require.NoError(t, err)
	group.Wait()
	require.EqualValues(t, len(all), written.Load())
	for n := 0; n < len(all); n += 10 {
		require.Equal(t, strings.Repeat(string(all[n]), 10), string(all[n:n+10]))
	}
	require.NoError(t, far.Close())
	require.Eventually(t, func() bool {
		_, err := conn.Write([]byte("x"))
		return errors.Is(err, io.ErrClosedPipe)
	}, time.Minute, time.Millisecond)
	require.NoError(t, conn.Close())
}

func TestTokensAreVerifiedOnceUntilTheyEnd(t *testing.T) {
	t.Parallel()
	asked, until := 0, time.Now().Add(time.Hour)
	r := &remembered{known: map[string]verified{}, verify: func(token string) (string, time.Time, error) {
		asked++
		if token == "" {
			return "", time.Time{}, errors.New("no token")
		}
		return "user of " + token, until, nil
	}}
	for range 2 {
		user, err := r.user("a")
		require.NoError(t, err)
		require.Equal(t, "user of a", user)
		_, err = r.user("")
		require.Error(t, err)
	}
	require.Equal(t, 3, asked)
	until = time.Now()
	for range 2 {
		_, err := r.user("b")
		require.NoError(t, err)
	}
	require.Equal(t, 5, asked)
}
