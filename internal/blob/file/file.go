// Package file keeps blobs as files of a folder, which processes of one machine share, or of
// several where the folder is on a network file system with atomic renames.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/botgate/botgate/internal/blob"
)

// The folders beside those of the blobs: of files that are being written, and of those that
// are being removed.
const (
	partFolder  = "part"
	trashFolder = "trash"
)

const folderMode = 0o700

// Store is a [blob.Store] in a folder.
type Store struct {
	folder string
	// durable has the folders of blobs whose names are known to outlast a power cut.
	durable sync.Map
}

// Open makes the folder (mode 0700) where it is missing. Files get mode 0600.
func Open(folder string) (*Store, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, fmt.Errorf("blob folder: %w", err)
	}
	for _, name := range []string{partFolder, trashFolder} {
		if err := os.MkdirAll(filepath.Join(folder, name), folderMode); err != nil {
			return nil, fmt.Errorf("blob folder: %w", err)
		}
	}
	if err := errors.Join(syncFolder(folder), syncFolder(filepath.Dir(folder))); err != nil {
		return nil, fmt.Errorf("blob folder: %w", err)
	}
	return &Store{folder: folder}, nil
}

// Close implements [blob.Store].
func (s *Store) Close() error { return nil }

// Put implements [blob.Store]: the blob appears whole, by a rename, and returns after the
// fsync of the file and its folder.
func (s *Store) Put(ctx context.Context, ref blob.Ref, data []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", blob.ErrUnavailable, err)
	}
	if err := s.put(ref, data); err != nil {
		return fmt.Errorf("%w: writing %s: %w", blob.ErrUnavailable, ref, err)
	}
	return nil
}

func (s *Store) put(ref blob.Ref, data []byte) (err error) {
	part, err := os.CreateTemp(filepath.Join(s.folder, partFolder), ref.Hex()+"-") // Mode 0600.
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	_, err = part.Write(data)
	if err == nil {
		err = part.Sync()
	}
	if err = errors.Join(err, part.Close()); err != nil {
		return err
	}
	path := s.path(ref)
	shard := filepath.Dir(path)
	if err := s.makeShard(shard); err != nil {
		return err
	}
	if err := os.Rename(part.Name(), path); err != nil {
		return err
	}
	return syncFolder(shard)
}

// makeShard makes the folder of a blob, durably: who made it first may not have come to that.
func (s *Store) makeShard(shard string) error {
	err := os.Mkdir(shard, folderMode)
	exists := errors.Is(err, fs.ErrExist)
	if _, durable := s.durable.Load(shard); durable && exists {
		return nil
	}
	if err == nil || exists {
		err = syncFolder(s.folder)
	}
	if err == nil {
		s.durable.Store(shard, nil)
	}
	return err
}

// Get implements [blob.Store].
func (s *Store) Get(ctx context.Context, ref blob.Ref) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", blob.ErrUnavailable, err)
	}
	f, err := s.open(ref)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", blob.ErrNotFound, ref)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: opening %s: %w", blob.ErrUnavailable, ref, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: opening %s: %w", blob.ErrUnavailable, ref, err)
	}
	return blob.Read(f, info.Size(), ref)
}

// open finds a blob also where a sweep that meets a Put moves it for a moment.
func (s *Store) open(ref blob.Ref) (f *os.File, err error) {
	path := s.path(ref)
	for _, place := range []string{path, filepath.Join(s.folder, trashFolder, ref.Hex()), path} {
		if f, err = os.Open(place); !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, err
}

func (s *Store) path(ref blob.Ref) string {
	return filepath.Join(s.folder, filepath.FromSlash(ref.Key()))
}
