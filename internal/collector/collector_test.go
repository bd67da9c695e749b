package collector

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercent(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	for name, c := range map[string]struct {
		limit int64
		kept  uint64
		want  int
	}{
		"no limit, small heap":          {math.MaxInt64, 8 * mb, 300},
		"no limit, as much as room":     {math.MaxInt64, 24 * mb, 100},
		"no limit, large heap":          {math.MaxInt64, 2000 * mb, 100},
		"no limit, nothing kept":        {math.MaxInt64, 0, 2400},
		"a container of 512 MB":         {512 * mb, 8 * mb, 200},
		"a container of 128 MB":         {128 * mb, 8 * mb, 100},
		"a limit below what is kept":    {4 * mb, 8 * mb, 100},
		"a limit of nothing at all":     {0, 8 * mb, 100},
		"a large limit changes nothing": {64_000 * mb, 8 * mb, 300},
	} {
		require.Equal(t, c.want, percent(c.kept, room(c.limit)), name)
	}
}

// A process has one collector: what follows changes it for all tests of this package, one by one.

func TestSmallHeapsAreCollectedLessOften(t *testing.T) {
	unset(t, "GOGC")
	before := gogc()
	pacer := Start()
	defer func() { require.NoError(t, pacer.Close(), "again") }()
	becomes(t, func(percent uint64) bool { return percent > goDefault })

	kept := make([]byte, 4*MaxRoom)
	becomes(t, func(percent uint64) bool { return percent == goDefault })
	runtime.KeepAlive(kept)
	becomes(t, func(percent uint64) bool { return percent > goDefault })

	defer debug.SetMemoryLimit(debug.SetMemoryLimit(roomShare << 20))
	becomes(t, func(percent uint64) bool { return percent == goDefault })
	require.NoError(t, pacer.Close())
	require.Equal(t, before, gogc())
}

func TestStopRestores(t *testing.T) {
	unset(t, "GOGC")
	defer debug.SetGCPercent(debug.SetGCPercent(70))
	pacer := Start()
	becomes(t, func(percent uint64) bool { return percent > goDefault })
	require.NoError(t, pacer.Close())
	require.EqualValues(t, 70, gogc())
	runtime.GC()
	require.EqualValues(t, 70, gogc())
}

func TestOperatorsGOGCStays(t *testing.T) {
	t.Setenv("GOGC", "150")
	defer debug.SetGCPercent(debug.SetGCPercent(150))
	pacer := Start()
	runtime.GC()
	require.NoError(t, pacer.Close())
	require.EqualValues(t, 150, gogc())
}

// becomes collects until GOGC is as wanted.
func becomes(t *testing.T, wanted func(percent uint64) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		runtime.GC()
		return wanted(gogc())
	}, time.Minute, time.Millisecond)
}

func gogc() uint64 {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// unset takes a variable from the environment until the test ends.
func unset(t *testing.T, name string) {
	t.Helper()
	t.Setenv(name, "") // Restores it afterwards.
	require.NoError(t, os.Unsetenv(name))
}
