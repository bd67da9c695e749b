package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// restoring is the end of the names of files that are not whole yet.
const restoring = ".restoring"

// Restore puts a backup back. It checks all of it first, and refuses where one of the files is there already: nothing
// is overwritten. Nothing of Botgate may run at the destinations.
func Restore(ctx context.Context, folder string, to Sources) (Manifest, error) {
	m, err := readManifest(folder)
	if err != nil {
		return m, err
	}
	targets := make([]string, len(m.Files))
	for i, e := range m.Files {
		if targets[i], err = to.target(e.Name); err != nil {
			return m, err
		}
		if err := whole(folder, e); err != nil {
			return m, err
		}
		for _, path := range []string{targets[i], targets[i] + "-wal"} {
			if exists(path) {
				return m, fmt.Errorf("%s is there already, and nothing is overwritten: move it away first", path)
			}
		}
	}
	for i, e := range m.Files {
		if err := os.RemoveAll(targets[i] + restoring); err != nil { // What an earlier run left.
			return m, err
		}
		if err := copyFile(ctx, filepath.Join(folder, filepath.FromSlash(e.Name)), targets[i]+restoring); err != nil {
			return m, fmt.Errorf("restoring %s: %w", e.Name, err)
		}
	}
	for i, e := range m.Files {
		err := os.Rename(targets[i]+restoring, targets[i])
		if err := errors.Join(err, syncFolder(filepath.Dir(targets[i]))); err != nil {
			return m, fmt.Errorf("restoring %s: %w", e.Name, err)
		}
	}
	return m, nil
}

func readManifest(folder string) (m Manifest, err error) {
	raw, err := os.ReadFile(filepath.Join(folder, manifestFile))
	if err != nil {
		return m, fmt.Errorf("%s is no backup: %w", folder, err)
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("%s: %w", filepath.Join(folder, manifestFile), err)
	}
	return m, nil
}

// whole compares a file of a backup with what the manifest says of it.
func whole(folder string, want Entry) error {
	found, err := entryOf(folder, filepath.FromSlash(want.Name))
	if err != nil {
		return fmt.Errorf("the backup is not whole: %w", err)
	}
	if found != want {
		return fmt.Errorf("the backup is damaged: %s is not as it was written", want.Name)
	}
	return nil
}

// target is where a file of a backup belongs.
func (s Sources) target(name string) (string, error) {
	for _, f := range slices.Concat(s.Databases, s.Files) {
		if f.Name == name && f.Path != "" {
			return f.Path, nil
		}
	}
	for _, f := range s.Folders {
		if path, ok := strings.CutPrefix(name, f.Name+"/"); ok && f.Path != "" && f.Files.MatchString(path) {
			return filepath.Join(f.Path, filepath.FromSlash(path)), nil
		}
	}
	return "", fmt.Errorf("the backup has %s, and there is no place for it here: is its address that of a server, or the shards file not there?", name)
}
