package file_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/blob/file"
)

// childFolder tells the test binary, which starts itself again, where to put blobs.
const childFolder = "BOTGATE_TEST_BLOB_FOLDER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(childFolder); folder != "" {
		fmt.Fprintln(os.Stderr, runChild(folder))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// runChild puts blobs until it is killed, and says on standard output what is durable.
func runChild(folder string) error {
	s, err := file.Open(folder)
	if err != nil {
		return err
	}
	failed := make(chan error)
	for worker := range 4 {
		go func() {
			for n := 0; ; n++ {
				data := bytes.Repeat(fmt.Appendf(nil, "%d-%d-%d ", os.Getpid(), worker, n), 5_000)
				ref := blob.RefOf(data)
				if err := s.Put(context.Background(), ref, data); err != nil {
					failed <- err
					return
				}
				fmt.Println(ref)
			}
		}()
	}
	return <-failed
}

// TestKilledPutLeavesNoHalfBlob kills a process that puts blobs, again and again: what it
// said is durable can be read, and everything that has a blob's name is whole.
func TestKilledPutLeavesNoHalfBlob(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := open(t, folder)
	for range 3 {
		for _, line := range putUntilKilled(t, folder) {
			ref, err := blob.ParseRef(line)
			require.NoError(t, err)
			_, err = s.Get(t.Context(), ref)
			require.NoError(t, err)
		}
	}
	whole := 0
	require.NoError(t, filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Base(filepath.Dir(path)) == "part" {
			return err
		}
		data, err := os.ReadFile(path)
		require.Equal(t, e.Name(), blob.RefOf(data).Hex())
		whole++
		return err
	}))
	require.NotZero(t, whole)
}

// putUntilKilled returns the references that the child printed.
func putUntilKilled(t *testing.T, folder string) (printed []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childFolder+"="+folder)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break // A line without its end was not printed.
		}
		require.NoError(t, err)
		if printed = append(printed, line[:len(line)-1]); len(printed) == 10 {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	var exited *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exited)
	require.GreaterOrEqual(t, len(printed), 10)
	return printed
}
