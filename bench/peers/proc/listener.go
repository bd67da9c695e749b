package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrNoListener means that no process of this machine, or none that we may look into, has the port.
var ErrNoListener = errors.New("no process that listens on the port")

// Listener is the process that listens on a TCP port. Another account's is found by root only.
func Listener(port int) (pid int, err error) {
	var inodes []string
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, err
		}
		inodes = append(inodes, listening(string(text), port)...)
	}
	for _, inode := range inodes {
		links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
		for _, link := range links {
			// Descriptors come and go meanwhile.
			if to, err := os.Readlink(link); err == nil && to == "socket:["+inode+"]" {
				return strconv.Atoi(strings.Split(link, "/")[2])
			}
		}
	}
	return 0, fmt.Errorf("port %d: %w", port, ErrNoListener)
}

// listening lists the inodes of the sockets that listen on the port, out of a table such as /proc/net/tcp.
func listening(table string, port int) (inodes []string) {
	const localAddress, state, inode, listen = 1, 3, 9, "0A"
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) > inode && fields[state] == listen &&
			strings.HasSuffix(fields[localAddress], fmt.Sprintf(":%04X", port)) {
			inodes = append(inodes, fields[inode])
		}
	}
	return inodes
}
