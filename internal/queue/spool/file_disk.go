package spool

import (
	"log/slog"
	"path/filepath"
)

// The kinds of file systems by statfs(2).
const (
	overlayMagic = 0x794c7630
	tmpfsMagic   = 0x01021994
	ramfsMagic   = 0x858458f6
)

// temporary names a file system that does not outlast the container or the machine; "" for any other.
func temporary(kind int64) string {
	switch uint32(kind) { //nolint:gosec // It is one word, on some machines with a sign.
	case overlayMagic:
		return "overlay" // The writable layer of a container.
	case tmpfsMagic:
		return "tmpfs"
	case ramfsMagic:
		return "ramfs"
	}
	return ""
}

// warnOfDisk says it where what is accepted would go with the container, or with a restart of the machine.
func (s *Spool) warnOfDisk() {
	if fs := temporary(fileSystem(filepath.Dir(s.cfg.Path))); fs != "" {
		s.log.Warn("the spool is on a file system that goes with its container or machine, and accepted events with it: "+
			"put its file on a volume that comes back, or spool nothing",
			slog.String("option", s.cfg.Option), slog.String("to_spool_nothing", s.cfg.Without),
			slog.String("file", s.cfg.Path), slog.String("file_system", fs))
	}
}
