package spool

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAges(t *testing.T) {
	t.Parallel()
	at := func(seconds int) time.Time {
		return time.Unix(1_800_000_000, 0).Add(time.Duration(seconds) * time.Second)
	}
	for name, tc := range map[string]struct {
		add, remove []int
		oldest      int // -1 for none.
		left        int
	}{
		"none":                        {nil, nil, -1, 0},
		"one":                         {[]int{5}, nil, 5, 1},
		"in any order":                {[]int{500, 5, 1000}, nil, 5, 3},
		"the oldest goes":             {[]int{5, 500}, []int{5}, 500, 1},
		"another one goes":            {[]int{5, 500}, []int{500}, 5, 1},
		"all go":                      {[]int{5, 500}, []int{500, 5}, -1, 0},
		"a minute is told as its own": {[]int{5, 6}, []int{5}, 5, 1},
		"what is not there":           {[]int{5}, []int{600}, 5, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var a ages
			for _, s := range tc.add {
				a.add(at(s))
			}
			for _, s := range tc.remove {
				a.remove(at(s))
			}
			require.Equal(t, tc.left, a.n)
			if tc.oldest < 0 {
				require.True(t, a.oldest().IsZero())
				require.Empty(t, a.minutes)
			} else {
				require.Equal(t, at(tc.oldest), a.oldest())
			}
		})
	}
}
