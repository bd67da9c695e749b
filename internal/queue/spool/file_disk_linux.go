package spool

import "syscall"

// fileSystem is the kind of the file system that a folder is on; 0 where it can't be asked.
func fileSystem(folder string) int64 {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(folder, &stat); err != nil {
		return 0
	}
	return int64(stat.Type) //nolint:unconvert // It has 32 bits on some machines.
}
