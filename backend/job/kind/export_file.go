package kind

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/internal/blob"
)

// File implements [job.Filer].
func (k *Export) File(j *job.Job) job.File {
	return job.File{Name: "events-" + j.ID + ".ndjson", ContentType: "application/x-ndjson", Encoding: "gzip"}
}

// ReadPart implements [job.Filer].
func (k *Export) ReadPart(ctx context.Context, p job.Part) ([]byte, error) {
	ref, err := blob.ParseRef(p.Ref)
	if err != nil {
		return nil, err
	}
	data, err := k.cfg.Blobs.Get(ctx, ref)
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return nil, fmt.Errorf("%w: %w", job.ErrNoFile, err)
	case errors.Is(err, blob.ErrUnavailable):
		return nil, fmt.Errorf("%w: %w", job.ErrUnavailable, err)
	}
	return data, err
}

// compress makes gzip members of the lines, one for each processor. Concatenated members are a
// gzip file.
func compress(lines [][]byte) ([]byte, error) {
	share := (len(lines) + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	var members []*bytes.Buffer
	var group errgroup.Group
	for chunk := range slices.Chunk(lines, share) {
		member := &bytes.Buffer{}
		members = append(members, member)
		group.Go(func() error { return deflate(member, chunk) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var file []byte
	for _, member := range members {
		file = append(file, member.Bytes()...)
	}
	return file, nil
}

func deflate(out *bytes.Buffer, lines [][]byte) error {
	w := gzip.NewWriter(out)
	for _, line := range lines {
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return w.Close()
}
