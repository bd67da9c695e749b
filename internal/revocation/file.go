package revocation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/filelock"
)

// FileName is how the file is called in the data folder.
const FileName = "revocations.json"

// File keeps revocations in a file, for the gateways of one machine.
type File struct {
	path string
	now  func() time.Time
}

// NewFile returns the store at that path. The file is made with the first revocation.
func NewFile(path string) *File { return &File{path: path, now: time.Now} }

// String implements [Store].
func (f *File) String() string { return f.path }

// Revoke implements [Store]. Entries that are over are dropped on the way.
func (f *File) Revoke(ctx context.Context, entries ...Entry) error {
	added, err := recordsOf(entries)
	if err != nil {
		return err
	}
	held, err := filelock.Lock(ctx, f.path+".lock")
	if err != nil {
		return fmt.Errorf("revoking: %w", err)
	}
	defer func() { _ = held.Close() }() // It only gives the lock back.
	_, records, err := f.read()
	if err != nil {
		return err
	}
	over := func(r record) bool { return r.Until < f.now().Unix() }
	kept := append(slices.DeleteFunc(records, over), added...)
	if len(kept) > maxEntries {
		return errFull
	}
	return f.write(kept)
}

// Load implements [Store].
func (f *File) Load(_ context.Context, known *List) (*List, error) {
	raw, records, err := f.read()
	if err != nil {
		return nil, err
	}
	version := digest(string(raw))
	if known != nil && known.version == version {
		return known, nil
	}
	return newList(version, records, f.now()), nil
}

func (f *File) read() ([]byte, []record, error) {
	raw, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading revocations: %w", err)
	}
	var records []record
	if err := json.Unmarshal(raw, &records); err != nil {
		return nil, nil, fmt.Errorf("reading revocations: %s: %w", f.path, err)
	}
	return raw, records, nil
}

// write replaces the file in one step, after it is on the disk.
func (f *File) write(records []record) (err error) {
	raw, err := json.Marshal(records)
	if err != nil {
		return fmt.Errorf("writing revocations: %w", err)
	}
	next := f.path + ".new"
	file, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing revocations: %w", err)
	}
	_, err = file.Write(raw)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(next, f.path)
	}
	if err != nil {
		return fmt.Errorf("writing revocations: %w", err)
	}
	return nil
}
