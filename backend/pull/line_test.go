package pull

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBulkIsLentBehindOthers has it come before them, and more of it than may be lent.
func TestBulkIsLentBehindOthers(t *testing.T) {
	t.Parallel()
	l := newTestLedger()
	for n := range maxLeased {
		d := newDelivery(fmt.Sprint("b", n), "")
		d.Event.MakeBulk()
		l.Offer(d, false, always)
	}
	for n := range 3 {
		l.offer(fmt.Sprint("e", n), fmt.Sprint("k", n))
	}
	_, ids := lease(t, l, Ask{Max: 5})
	require.Equal(t, []string{"e0", "e1", "e2", "b0", "b1"}, ids)
	_, ids = lease(t, l, Ask{})
	require.Len(t, ids, maxLeasedBulk-2)
	for n := range 40 {
		l.offer(fmt.Sprint("f", n), fmt.Sprint("l", n))
	}
	_, ids = lease(t, l, Ask{})
	require.Len(t, ids, 40, "bulk leaves room for others")

	l = newTestLedger()
	for n := range 40 {
		d := newDelivery(fmt.Sprint("b", n), "")
		d.Event.MakeBulk()
		l.Offer(d, false, always)
		l.offer(fmt.Sprint("e", n), fmt.Sprint("k", n))
	}
	_, ids = lease(t, l, Ask{Max: 32})
	require.Equal(t, []string{"b0", "b1"}, []string{ids[15], ids[31]}, "but for one in 16")
	require.Equal(t, "e29", ids[30])
}
