package rabbitmq

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAcks(t *testing.T) {
	t.Parallel()
	type step struct {
		tags    []uint64
		upTo    uint64
		singles []uint64
	}
	for name, steps := range map[string][]step{
		"all in order":         {{[]uint64{1, 2, 3, 4, 5, 6}, 6, []uint64{}}},
		"in any order":         {{[]uint64{3, 1, 2}, 3, []uint64{}}},
		"one":                  {{[]uint64{1}, 0, []uint64{1}}, {[]uint64{2}, 0, []uint64{2}}},
		"not from the start":   {{[]uint64{2, 3}, 0, []uint64{2, 3}}},
		"prefix and rest":      {{[]uint64{1, 2, 4}, 2, []uint64{4}}},
		"gap closed later":     {{[]uint64{2, 4}, 0, []uint64{2, 4}}, {[]uint64{1, 3, 5}, 5, []uint64{}}},
		"prefix ends in older": {{[]uint64{3}, 0, []uint64{3}}, {[]uint64{1, 2}, 2, []uint64{}}, {[]uint64{4, 5}, 5, []uint64{}}},
		"only one is new":      {{[]uint64{2}, 0, []uint64{2}}, {[]uint64{1}, 0, []uint64{1}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAcks()
			for range 6 {
				a.add()
			}
			for _, s := range steps {
				upTo, singles := a.settle(s.tags)
				require.Equal(t, s.upTo, upTo)
				require.Equal(t, s.singles, singles)
			}
		})
	}
}

// The broker closes the channel on an acknowledgement of a tag that it does not have
// open, so whatever the order is, each tag must be open when it is named.
func FuzzAcksNameOpenTagsOnly(f *testing.F) {
	f.Add(uint64(1), uint8(20))
	f.Fuzz(func(t *testing.T, seed uint64, n uint8) {
		random := rand.New(rand.NewPCG(seed, 0))
		a, open := newAcks(), map[uint64]bool{}
		var pending []uint64
		for tag := uint64(1); tag <= uint64(n); tag++ {
			a.add()
			open[tag] = true
			pending = append(pending, tag)
			if random.IntN(3) > 0 && tag < uint64(n) {
				continue
			}
			random.Shuffle(len(pending), func(i, j int) { pending[i], pending[j] = pending[j], pending[i] })
			cut := len(pending)
			if tag < uint64(n) {
				cut = random.IntN(cut + 1)
			}
			mine := map[uint64]bool{}
			for _, tag := range pending[:cut] {
				mine[tag] = true
			}
			upTo, singles := a.settle(append([]uint64(nil), pending[:cut]...))
			pending = pending[cut:]
			settle := func(tag uint64) {
				require.True(t, open[tag], "tag %d is not open", tag)
				require.True(t, mine[tag], "tag %d was not settled", tag)
				delete(open, tag)
			}
			if upTo > 0 {
				require.True(t, open[upTo])
				for tag := uint64(1); tag <= upTo; tag++ {
					if open[tag] {
						settle(tag)
					}
				}
			}
			for _, tag := range singles {
				settle(tag)
			}
		}
		require.Empty(t, open)
	})
}
