package event_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

func TestBucketOf(t *testing.T) {
	t.Parallel()
	require.Equal(t, 956, event.BucketOf("alice"), "operators' configurations name buckets: this must never change")
	require.Equal(t, event.BucketOf(event.Name("al\x00ice")), event.BucketOf("al\x00ice"), "as events have it")
	users := map[int]int{}
	for i := range 100 * event.Buckets {
		b := event.BucketOf(strconv.Itoa(i))
		require.GreaterOrEqual(t, b, 0)
		require.Less(t, b, event.Buckets)
		users[b]++
	}
	require.Len(t, users, event.Buckets)
	for b, n := range users {
		require.InDelta(t, 100, n, 60, "bucket %d", b)
	}
}

func TestIDsCarryTheBucket(t *testing.T) {
	t.Parallel()
	for i := range 3000 {
		user := "user-" + strconv.Itoa(i)
		fresh, err := event.NewID(user)
		require.NoError(t, err)
		derived := event.Identity{Bot: "demo", Sender: "github", Key: strconv.Itoa(i)}.ID(user)
		require.Equal(t, event.BucketOf(user), event.BucketOfID(fresh), fresh)
		require.Equal(t, event.BucketOf(user), event.BucketOfID(derived), derived)
	}
}

func TestIDsWithoutAUserAreSpread(t *testing.T) {
	t.Parallel()
	fresh, derived := map[int]bool{}, map[int]bool{}
	for i := range 20 * event.Buckets {
		id, err := event.NewID("")
		require.NoError(t, err)
		fresh[event.BucketOfID(id)] = true
		derived[event.BucketOfID(event.Identity{Bot: "demo", Sender: "github", Key: strconv.Itoa(i)}.ID(""))] = true
	}
	require.Greater(t, len(fresh), event.Buckets*9/10)
	require.Greater(t, len(derived), event.Buckets*9/10)
}

func TestForeignIDsHaveABucket(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "x", "6d698562-2436-45be-aed6-8dc36645a007", "not-a-uuid-at-all"} {
		b := event.BucketOfID(id)
		require.GreaterOrEqual(t, b, 0, id)
		require.Less(t, b, event.Buckets, id)
		require.Equal(t, b, event.BucketOfID(id))
	}
}
