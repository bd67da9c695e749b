package retry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/botgate/botgate/internal/retry"
)

func ExampleBackoff_Until() {
	connect := func(try int) error {
		if try < 3 {
			return errors.New("connection refused")
		}
		return nil
	}
	try := 0
	retry.Backoff{Min: time.Millisecond, Max: time.Second, Jitter: 0.5}.Until(context.Background(), func() bool {
		try++
		return connect(try) == nil
	})
	fmt.Println("connected at try", try)
	// Output: connected at try 3
}

func TestDelayDoublesUpToTheLimit(t *testing.T) {
	t.Parallel()
	b := retry.Backoff{Min: time.Second, Max: 5 * time.Second}
	for failures, want := range []time.Duration{1, 1, 2, 4, 5, 5} {
		if got := b.Delay(failures); got != want*time.Second {
			t.Errorf("after %d failures the delay is %s, want %s", failures, got, want*time.Second)
		}
	}
	if got := b.Delay(1 << 40); got != 5*time.Second {
		t.Errorf("after very many failures the delay is %s", got)
	}
	if got := (retry.Backoff{Min: time.Second}).Delay(9); got != time.Second {
		t.Errorf("without a maximum the delay is %s, want it constant", got)
	}
}

func TestJitterIsAShareOfTheDelay(t *testing.T) {
	t.Parallel()
	for _, jitter := range []float64{0.5, 1} {
		b := retry.Backoff{Min: time.Second, Jitter: jitter}
		least := time.Duration(float64(time.Second) * (1 - jitter))
		seen := map[time.Duration]bool{}
		for range 100 {
			d := b.Delay(1)
			if d < least || d > time.Second {
				t.Fatalf("with jitter %g the delay is %s", jitter, d)
			}
			seen[d] = true
		}
		if len(seen) < 2 {
			t.Errorf("with jitter %g every delay is the same", jitter)
		}
	}
}

func TestUntilEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began, tries := time.Now(), 0
		if (retry.Backoff{Min: time.Second, Max: time.Minute}).Until(ctx, func() bool { tries++; return false }) {
			t.Error("it reports success")
		}
		// At 0, 1, 3 and 7 seconds.
		if waited := time.Since(began); tries != 4 || waited != 10*time.Second {
			t.Errorf("%d tries in %s, want 4 in 10s", tries, waited)
		}
	})
}

func TestSleepReportsWhetherTheContextLasted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		turns := 0
		for retry.Sleep(ctx, time.Minute) {
			turns++
		}
		if turns != 1 {
			t.Errorf("%d turns before the context ended, want 1", turns)
		}
	})
}

func TestWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wake := retry.NewWake()
		wake.Signal()
		wake.Signal() // Is part of the first.
		if !retry.Wait(t.Context(), wake, time.Second) {
			t.Error("the signal was lost")
		}
		if retry.Wait(t.Context(), wake, time.Second) {
			t.Error("two signals, want one")
		}
		time.AfterFunc(time.Second, wake.Signal)
		if began := time.Now(); !retry.Wait(t.Context(), wake, time.Minute) || time.Since(began) != time.Second {
			t.Error("it does not end with the signal")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if retry.Wait(ctx, wake, time.Minute) {
			t.Error("it reports a signal when the context ended")
		}
	})
}
