package job

import (
	"context"
	"iter"
)

// partsPage is how many parts of a file are listed at once.
const partsPage = 100

// File returns the file of a job that is done, part by part. It returns ErrNotFound, ErrNoFile
// or ErrUnavailable; an error of the iterator may come after the first part, too.
func (j *Jobs) File(ctx context.Context, id, bot string) (File, iter.Seq2[[]byte, error], error) {
	found, err := j.Get(ctx, id, bot)
	if err != nil {
		return File{}, nil, err
	}
	filer, ok := j.cfg.Kinds[found.Kind].(Filer)
	if !ok || found.Status != StatusDone {
		return File{}, nil, ErrNoFile
	}
	return filer.File(found), func(yield func([]byte, error) bool) {
		for read := 0; read < found.Parts; {
			parts, err := j.cfg.Engine.Parts(ctx, id, read, partsPage)
			if err == nil && len(parts) == 0 {
				err = ErrNoFile // It was swept meanwhile.
			}
			if err != nil {
				yield(nil, err)
				return
			}
			read += len(parts)
			for _, p := range parts {
				data, err := filer.ReadPart(ctx, p)
				if !yield(data, err) || err != nil {
					return
				}
			}
		}
	}, nil
}
