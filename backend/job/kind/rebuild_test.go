package kind_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/jobtest"
	"github.com/botgate/botgate/backend/job/kind"
	"github.com/botgate/botgate/backend/store"
)

// maintainer has five days, and fails once on the third.
type maintainer struct {
	fail error
	done []string
}

func (k *maintainer) Days(context.Context) ([]time.Time, error) {
	var days []time.Time
	for n := range 5 {
		days = append(days, time.Date(2026, 3, 5-n, 0, 0, 0, 0, time.UTC))
	}
	return days, nil
}

func (k *maintainer) Rebuild(_ context.Context, day time.Time) (int64, error) {
	if day.Day() == 3 && k.fail != nil {
		err := k.fail
		k.fail = nil
		return 0, err
	}
	k.done = append(k.done, day.Format(time.DateOnly))
	return 10, nil
}

func TestRebuild(t *testing.T) {
	t.Parallel()
	for parameters, days := range map[string][]int{
		`{}`: {1, 2, 3, 4, 5},
		`{"days":["2026-03-04","2026-03-02","2026-03-04","2020-01-01"]}`: {2, 4},
		`{"days":["2020-01-01"]}`: nil,
	} {
		k := &maintainer{fail: fmt.Errorf("%w: a standby is being promoted", store.ErrUnavailable)}
		done := jobtest.Do(t, kind.Rebuild{Maintainer: k}, parameters)
		require.Equal(t, job.StatusDone, done.Status, done.Error)
		var want []string
		for _, day := range days {
			want = append(want, fmt.Sprintf("2026-03-%02d", day))
		}
		require.Equal(t, want, k.done, "each day once, in order, though it was resumed")
		require.JSONEq(t, fmt.Sprintf(`{"days":%d,"entries":%d}`, len(days), 10*len(days)), string(done.Result))
		require.Equal(t, int64(len(days)), done.Done)
		require.Equal(t, done.Done, done.Total)
	}
}

func TestRebuildFails(t *testing.T) {
	t.Parallel()
	failed := jobtest.Do(t, kind.Rebuild{Maintainer: &maintainer{fail: errors.New("broken")}}, `{}`)
	require.Equal(t, job.StatusFailed, failed.Status)
	require.NotContains(t, failed.Error, "broken")
}

func TestRebuildPrepare(t *testing.T) {
	t.Parallel()
	k := kind.Rebuild{}
	_, err := k.Prepare([]byte(`{}`), "demo")
	require.ErrorIs(t, err, job.ErrForbidden)
	for _, given := range []string{``, `[]`, `{"x":1}`, `{"days":["today"]}`, `{"days":"2026-03-01"}`} {
		_, err := k.Prepare([]byte(given), "")
		var bad *job.ParameterError
		require.ErrorAs(t, err, &bad, given)
	}
}
