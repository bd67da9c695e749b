package listening

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Sockets returns all sockets of the network namespace that are listened on.
func Sockets() ([]Socket, error) {
	var all []Socket
	for name, parse := range map[string]func(io.Reader) ([]Socket, error){
		"tcp": parseTCP, "tcp6": parseTCP, "unix": parseUnix,
	} {
		found, err := read("/proc/self/net/"+name, parse)
		if err != nil {
			return nil, fmt.Errorf("looking for who listens: %w", err)
		}
		all = append(all, found...)
	}
	own, err := ownInodes()
	if err != nil {
		return nil, fmt.Errorf("looking for this process's sockets: %w", err)
	}
	for i := range all {
		all[i].Own = own[all[i].inode]
	}
	return all, nil
}

// read reads a table; one that is missing, as without IPv6, is empty.
func read(path string, parse func(io.Reader) ([]Socket, error)) ([]Socket, error) {
	table, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = table.Close() }()
	return parse(table)
}

func ownInodes() (map[string]bool, error) {
	const folder = "/proc/self/fd"
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for _, entry := range entries {
		// One that was closed meanwhile is no socket any more.
		target, err := os.Readlink(filepath.Join(folder, entry.Name()))
		if inode, ok := strings.CutPrefix(target, "socket:["); err == nil && ok {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return own, nil
}
