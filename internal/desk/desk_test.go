package desk_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/desk"
	"github.com/botgate/botgate/internal/event"
)

func said(text string) *event.Answer { return &event.Answer{Body: []byte(text)} }

func TestAnswerIsTakenOnceAndInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d desk.Desk
		require.False(t, d.Offer("e", said("nobody waits"), time.Now()))

		w := d.Wait("demo", "e", time.Now().Add(time.Second))
		require.True(t, d.Offer("e", said("first"), time.Now()))
		require.False(t, d.Offer("e", said("second"), time.Now()))
		require.Equal(t, said("first"), w.Answer(t.Context()))
		require.Zero(t, d.Waiting())

		w = d.Wait("demo", "e", time.Now().Add(time.Second))
		began := time.Now()
		require.Nil(t, w.Answer(t.Context()))
		require.Equal(t, time.Second, time.Since(began))
		require.True(t, w.IsOver(time.Now()))
		require.False(t, d.Offer("e", said("late"), time.Now()))

		w = d.Wait("demo", "e", time.Now().Add(time.Second))
		require.False(t, d.Offer("e", said("its time is over"), time.Now().Add(time.Second)))
		require.Nil(t, w.Answer(t.Context()))
	})
}

func TestNoAnswerEndsTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d desk.Desk
		w := d.Wait("demo", "e", time.Now().Add(time.Second))
		time.AfterFunc(time.Millisecond, func() { require.False(t, d.Offer("e", nil, time.Now())) })
		require.Nil(t, w.Answer(t.Context()))
		require.False(t, w.IsOver(time.Now()))

		w = d.Wait("demo", "e", time.Now().Add(time.Second))
		gone, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, leave)
		require.Nil(t, w.Answer(gone))
		require.False(t, d.Offer("e", said("for nobody"), time.Now()))
		w.Leave()
		(*desk.Waiter)(nil).Leave()
	})
}

// TestBothSidesAgree has requests leave in the moment in which their answers come.
func TestBothSidesAgree(t *testing.T) {
	t.Parallel()
	var d desk.Desk
	for n := range 2000 {
		w := d.Wait("demo", "e", time.Now().Add(time.Duration(n%20)*10*time.Microsecond))
		var taken atomic.Int32
		var offers sync.WaitGroup
		for range 3 {
			offers.Go(func() {
				if d.Offer("e", said("x"), time.Now()) {
					taken.Add(1)
				}
			})
		}
		given := w.Answer(t.Context()) != nil
		offers.Wait()
		require.Equal(t, given, taken.Load() == 1)
		require.LessOrEqual(t, taken.Load(), int32(1))
	}
	require.Zero(t, d.Waiting())
}

func TestSlowBotLeavesRoom(t *testing.T) {
	t.Parallel()
	var d desk.Desk
	until := time.Now().Add(time.Hour)
	var waiters []*desk.Waiter
	fill := func(bot string) (n int) {
		for {
			w := d.Wait(bot, fmt.Sprint(bot, n), until)
			if w == nil {
				return n
			}
			waiters = append(waiters, w)
			n++
		}
	}
	require.Equal(t, desk.MaxOfBot, fill("a"))
	require.Equal(t, desk.MaxOfBot, fill("b"))
	require.Nil(t, d.Wait("c", "a0", until), "another request waits for the same")
	require.Equal(t, desk.MaxOfBot, fill("c"))
	require.Equal(t, desk.MaxWaiting-3*desk.MaxOfBot, fill("d"))
	require.Zero(t, fill("e"))
	for _, w := range waiters {
		w.Leave()
	}
	require.Zero(t, d.Waiting())
	require.Equal(t, desk.MaxOfBot, fill("e"))
}
