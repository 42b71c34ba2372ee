//go:build linux

package bulk

import (
	"os"

	"golang.org/x/sys/unix"
)

// openDirect opens a file past the page cache; the error is the file system's
// that cannot.
func openDirect(path string, flags int) (*os.File, error) {
	return os.OpenFile(path, flags|unix.O_DIRECT, 0o600)
}

// free is the bytes that a folder's file system has left.
func free(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}
