// Package backup copies the files of the embedded engines while processes use them, and puts such a copy back.
package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

const (
	manifestFile = "manifest.json"
	folderMode   = 0o700
)

// File is a file, and the name that it has in a backup.
type File struct{ Name, Path string }

// Folder is a folder of files that never change, such as large bodies.
type Folder struct {
	// Name is the folder's in a backup.
	Name, Path string
	// Files are the paths, below the folder and with slashes, of those that are copied.
	Files *regexp.Regexp
}

// Sources are the files of one Botgate, or where they are to be put back. What is not there is left out.
type Sources struct {
	// Databases are files of SQLite. They are copied one after the other: whatever an event goes through first stands
	// first, so that an event that moves on meanwhile is in one copy, or in two, and never in none.
	Databases []File
	// Files are copied as they are, such as the bots file.
	Files []File
	// Folders are copied last: large bodies are there before the events that refer to them.
	Folders []Folder
}

// Manifest says what is in a backup.
type Manifest struct {
	// Version is that of the Botgate which made the backup.
	Version string `json:"version"`
	// Begun is the time up to which it has everything.
	Begun time.Time `json:"begun"`
	Files []Entry   `json:"files"`
	// LeftOut are names of files that were there and that the backup does not have: secrets.
	LeftOut []string `json:"left_out,omitempty"`
}

// Entry is one file of a backup, by its path in there.
type Entry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Take makes a backup in a folder that must not be there yet. The folder appears whole or not at all. The manifest has
// Version and LeftOut of the one given.
func Take(ctx context.Context, from Sources, folder string, m Manifest) (Manifest, error) {
	if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s is there already: name another folder", folder)
	}
	if err := os.MkdirAll(filepath.Dir(folder), folderMode); err != nil {
		return m, err
	}
	part, err := os.MkdirTemp(filepath.Dir(folder), ".backup-*") // Mode 0700.
	if err != nil {
		return m, err
	}
	m, err = fill(ctx, from, part, m)
	if err == nil {
		err = os.Rename(part, folder)
	}
	if err == nil {
		return m, syncFolder(filepath.Dir(folder))
	}
	return m, errors.Join(err, os.RemoveAll(part))
}

// fill writes everything into a folder, and the manifest last.
func fill(ctx context.Context, from Sources, folder string, m Manifest) (Manifest, error) {
	m.Begun, m.Files = time.Now().UTC(), nil
	add := func(f File, copied func(ctx context.Context, from, to string) error) error {
		err := copied(ctx, f.Path, filepath.Join(folder, f.Name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // A body whose time is over goes while the others are copied.
		}
		var e Entry
		if err == nil {
			e, err = entryOf(folder, f.Name)
		}
		if err != nil {
			return fmt.Errorf("copying %s: %w", f.Path, err)
		}
		m.Files = append(m.Files, e)
		return nil
	}
	for _, f := range from.Databases {
		if exists(f.Path) {
			if err := add(f, copyDatabase); err != nil {
				return m, err
			}
		}
	}
	files := slices.Clone(from.Files)
	for _, f := range from.Folders {
		more, err := f.list()
		if err != nil {
			return m, fmt.Errorf("reading %s: %w", f.Path, err)
		}
		files = append(files, more...)
	}
	for _, f := range files {
		if err := add(f, copyFile); err != nil {
			return m, err
		}
	}
	return m, writeManifest(folder, m)
}

// list returns the files of a folder, which need not be there.
func (f Folder) list() (files []File, err error) {
	if !exists(f.Path) {
		return nil, nil
	}
	err = fs.WalkDir(os.DirFS(f.Path), ".", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.Type().IsRegular() && f.Files.MatchString(path) {
			path = filepath.FromSlash(path)
			files = append(files, File{filepath.Join(f.Name, path), filepath.Join(f.Path, path)})
		}
		return err
	})
	return files, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func writeManifest(folder string, m Manifest) error {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = writeSynced(filepath.Join(folder, manifestFile), raw)
	}
	return err
}
