package unverified_test

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/unverified"
)

// grow has a new lease of the address hold so many bytes beside those that do not count.
func grow(b *unverified.Budget, address string, bytes int64) (*unverified.Lease, error) {
	lease := b.Lease(address)
	return lease, lease.Hold(unverified.Free + bytes)
}

func TestAnAddressHasAShare(t *testing.T) {
	t.Parallel()
	b := unverified.New(600)
	first, err := grow(b, "a", 400)
	require.NoError(t, err, "one alone has two thirds")
	require.ErrorIs(t, first.Hold(unverified.Free+401), unverified.ErrFull)
	_, err = grow(b, "a", 1)
	require.ErrorIs(t, err, unverified.ErrFull, "with how many requests it tries")
	_, err = grow(b, "b", 133)
	require.NoError(t, err, "another one finds room")
	_, err = grow(b, "c", 44)
	require.NoError(t, err, "and another one")
	_, err = grow(b, "d", 16)
	require.ErrorIs(t, err, unverified.ErrFull)

	first.Release()
	first.Release()
	require.NoError(t, first.Hold(unverified.Free+282), "what is given back is there once")
	require.ErrorIs(t, first.Hold(unverified.Free+283), unverified.ErrFull)
}

// TestSmallBodiesGetIn however much strangers hold.
func TestSmallBodiesGetIn(t *testing.T) {
	t.Parallel()
	b := unverified.New(3)
	_, err := grow(b, "a", 2)
	require.NoError(t, err)
	for range 1000 {
		require.NoError(t, b.Lease("a").Hold(unverified.Free))
	}
	var known *unverified.Lease
	require.NoError(t, known.Hold(1<<40), "and those of senders who are known")
	known.Release()
}

func TestALimitThatIsLowered(t *testing.T) {
	t.Parallel()
	b := unverified.New(100)
	held, err := grow(b, "a", 60)
	require.NoError(t, err)
	b.SetLimit(12)
	require.ErrorIs(t, held.Hold(unverified.Free+61), unverified.ErrFull)
	require.NoError(t, held.Hold(unverified.Free+60), "what is held stays")
	held.Release()
	_, err = grow(b, "a", 8)
	require.NoError(t, err)
}

// TestNothingIsLost grows and gives back from many requests at once: in the end all is there again, and
// never was more out than there is.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	const limit = 1000
	b := unverified.New(limit)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 1))
			for range 2000 {
				lease := b.Lease(strconv.Itoa(n % 3))
				for size := int64(unverified.Free); lease.Hold(size) == nil; size += random.Int64N(200) + 1 {
				}
				require.LessOrEqual(t, b.Used(), int64(limit))
				lease.Release()
			}
		})
	}
	wg.Wait()
	require.Zero(t, b.Used())
	require.Zero(t, b.Addresses())
}

// TestBuffersAreUsedAgain and take, with those in use, no more than the budget; nothing is kept for nobody.
func TestBuffersAreUsedAgain(t *testing.T) {
	t.Parallel()
	b := unverified.New(400 << 10)
	other, err := grow(b, "b", 1)
	require.NoError(t, err)
	lease := b.Lease("a")
	small, err := lease.Grow([]byte("abc"), 20<<10)
	require.NoError(t, err)
	large, err := lease.Grow(small, 60<<10)
	require.NoError(t, err)
	require.Equal(t, "abc", string(large))
	require.EqualValues(t, cap(small), b.Spare())
	lease.Release()
	lease.Recycle(large)
	require.EqualValues(t, cap(small)+cap(large), b.Spare())

	again, err := b.Lease("c").Grow(nil, 60<<10)
	require.NoError(t, err)
	require.Empty(t, again)
	require.Same(t, &large[0], &again[:1][0])
	require.EqualValues(t, cap(small), b.Spare())
	_, err = grow(b, "d", 220<<10)
	require.NoError(t, err)
	require.LessOrEqual(t, b.Spare()+b.Used(), int64(400<<10))
	other.Release()

	alone := unverified.New(400 << 10)
	lease = alone.Lease("a")
	large, err = lease.Grow(nil, 60<<10)
	require.NoError(t, err)
	lease.Release()
	lease.Recycle(large)
	require.Zero(t, alone.Spare())
}
