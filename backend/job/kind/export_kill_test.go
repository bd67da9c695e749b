package kind_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/kind"
	"github.com/botgate/botgate/backend/store"
)

// childFolder makes the test binary work on the jobs of a folder, until it is killed.
const childFolder = "BOTGATE_TEST_EXPORT_FOLDER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(childFolder); folder != "" {
		fmt.Fprintln(os.Stderr, runChild(folder))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// childLease expires soon after a child was killed.
const childLease = 3 * time.Second

// teller says on standard output when the export reads a page.
type teller struct{ kind.Reader }

func (r teller) List(ctx context.Context, q store.Query) (*store.Page, error) {
	fmt.Println("reading")
	return r.Reader.List(ctx, q)
}

// telling says on standard output when an erasure takes a step, in a child.
type telling struct{ kind.EraseStore }

func (t telling) Erase(ctx context.Context, subject string, before time.Time, erased func(int64) error) (int64, error) {
	return t.EraseStore.Erase(ctx, subject, before, func(events int64) error {
		if os.Getenv(childFolder) != "" {
			fmt.Println("reading")
		}
		return erased(events)
	})
}

func runChild(folder string) error {
	p, err := open(context.Background(), folder, childLease, func(r kind.Reader) kind.Reader { return teller{r} })
	if err != nil {
		return err
	}
	return p.jobs.Run(context.Background())
}

// kill runs a child and kills it as it tells for the n-th time, or after a while.
func kill(t *testing.T, folder string, n int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, self)
	child.Env = append(os.Environ(), childFolder+"="+folder)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	for lines := bufio.NewScanner(out); n > 0 && lines.Scan(); n-- {
		require.Equal(t, "reading", lines.Text())
	}
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait(), "it was killed")
	require.NoError(t, ctx.Err(), "the child was too slow")
}

// TestExportKilled kills worker after worker: in the end the file has each event once.
func TestExportKilled(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p := openAt(t, folder)
	events := p.fill(t, 1200)
	id := p.submit(t, `{}`, "")
	for _, n := range []int{1, 3} {
		kill(t, folder, n)
	}
	before, err := p.jobs.Get(t.Context(), id, "")
	require.NoError(t, err)
	require.Equal(t, job.StatusRunning, before.Status)
	require.Positive(t, before.Done)
	done := p.work(t, id)
	require.Equal(t, job.StatusDone, done.Status, done.Error)
	lines := p.lines(t, id)
	require.Len(t, lines, len(events))
	for i, l := range lines {
		require.Equal(t, events[len(events)-1-i].ID, l.ID)
	}
}
