package reload_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/botgate/botgate/internal/reload"
	"github.com/botgate/botgate/internal/testlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fixture struct {
	path  string
	logs  testlog.Buffer
	value *reload.Value[string]
}

func follow(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{path: filepath.Join(t.TempDir(), "secret")}
	f.write(t, "first")
	var err error
	f.value, err = reload.New(reload.Config[string]{
		What:  "a test",
		Files: []string{f.path}, Interval: 5 * time.Millisecond, Logger: f.logs.Logger(),
		Load: func() (string, error) {
			raw, err := os.ReadFile(f.path)
			if err == nil && len(raw) == 0 {
				err = errors.New("it is empty")
			}
			return string(raw), err
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.value.Close()) })
	return f
}

// write replaces the file in one step, as editors and orchestrators do.
func (f *fixture) write(t *testing.T, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(f.path+".new", []byte(content), 0o600))
	require.NoError(t, os.Rename(f.path+".new", f.path))
}

func (f *fixture) await(t *testing.T, want string) {
	t.Helper()
	require.Eventually(t, func() bool { return f.value.Get() == want }, time.Minute, time.Millisecond)
}

func TestChangeIsLoaded(t *testing.T) {
	t.Parallel()
	f := follow(t)
	require.Equal(t, "first", f.value.Get())
	f.write(t, "other")
	f.await(t, "other")
}

func TestSwappedLinkIsNoticed(t *testing.T) {
	t.Parallel()
	f := follow(t)
	target := filepath.Join(t.TempDir(), "mounted")
	require.NoError(t, os.WriteFile(target, []byte("linked"), 0o600))
	require.NoError(t, os.Symlink(target, f.path+".link"))
	require.NoError(t, os.Rename(f.path+".link", f.path))
	f.await(t, "linked")
}

func TestBadChangeKeepsTheLastGoodValue(t *testing.T) {
	t.Parallel()
	f := follow(t)
	for _, breakIt := range []func(){func() { f.write(t, "") }, func() { require.NoError(t, os.Remove(f.path)) }} {
		lines := strings.Count(f.logs.String(), "level=WARN")
		breakIt()
		require.Eventually(t, func() bool { return strings.Count(f.logs.String(), "level=WARN") == lines+1 }, time.Minute, time.Millisecond)
		require.Equal(t, "first", f.value.Get())
	}
	f.write(t, "well again")
	f.await(t, "well again")
	require.NotContains(t, f.logs.String(), "well again")
}

func TestFirstLoadMustWork(t *testing.T) {
	t.Parallel()
	_, err := reload.New(reload.Config[int]{Files: []string{"absent"}, Load: func() (int, error) { return 0, errors.ErrUnsupported }})
	require.ErrorIs(t, err, errors.ErrUnsupported)
}

func TestWithoutFiles(t *testing.T) {
	t.Parallel()
	value, err := reload.New(reload.Config[int]{Load: func() (int, error) { return 7, nil }})
	require.NoError(t, err)
	require.NoError(t, value.Close())
	require.Equal(t, 7, value.Get())
}

func TestFilesThatComeAndGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list := func() []string {
		names, err := filepath.Glob(filepath.Join(dir, "*.json"))
		require.NoError(t, err)
		return names
	}
	value, err := reload.New(reload.Config[int]{
		List: list, Interval: 5 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
		Load: func() (int, error) { return len(list()), nil },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, value.Close()) })
	require.Zero(t, value.Get())
	await := func(want int) {
		t.Helper()
		require.Eventually(t, func() bool { return value.Get() == want }, time.Minute, time.Millisecond)
	}
	for i, name := range []string{"a.json", "b.json"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		await(i + 1)
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "a.json")))
	await(1)
}

// TestReports asks for all values at once, as botgate reload does.
func TestReports(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte("a"), 0o600))
	value, err := reload.New(reload.Config[string]{
		What: "reports", Files: []string{path}, Interval: time.Hour, Logger: slog.New(slog.DiscardHandler),
		Load: func() (string, error) {
			raw, err := os.ReadFile(path)
			if err == nil && string(raw) == "bad" {
				err = errors.New("it is bad")
			}
			return string(raw), err
		},
		Apply: func(before, now string) string { return before + " became " + now },
	})
	require.NoError(t, err)
	look := func() reload.Report {
		for _, report := range reload.All() {
			if report.What == "reports" {
				return report
			}
		}
		t.Fatal("it is not among the reports")
		return reload.Report{}
	}
	refused := func() float64 {
		return testutil.ToFloat64(reload.Collectors()[0].(*prometheus.GaugeVec).WithLabelValues("reports"))
	}
	first := look()
	require.False(t, first.Changed)
	require.Equal(t, []string{path}, first.Files)
	require.NoError(t, os.WriteFile(path, []byte("b"), 0o600))
	changed := look()
	require.True(t, changed.Changed)
	require.Equal(t, "a became b", changed.Changes)
	require.NoError(t, os.WriteFile(path, []byte("bad"), 0o600))
	for range 2 {
		require.Equal(t, "it is bad", look().Error)
		require.InDelta(t, 1, refused(), 0)
		require.Equal(t, "b", value.Get())
	}
	require.NoError(t, os.WriteFile(path, []byte("b"), 0o600))
	require.Empty(t, look().Error)
	require.Zero(t, refused())
	require.NoError(t, os.Remove(path))
	require.NotEmpty(t, look().Error)
	require.NoError(t, value.Close())
	require.Zero(t, refused(), "nobody follows it any more")
	for _, report := range reload.All() {
		require.NotEqual(t, "reports", report.What)
	}
}
