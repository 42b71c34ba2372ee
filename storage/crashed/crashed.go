// Package crashed is for tests: it makes what a killed process would leave.
//
// Who calls: tests of storage/shard's callers. It knows files only.
package crashed

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	attempts = 100
	pause    = 20 * time.Millisecond
)

// Copy copies a directory as it lies, its owner still running, and answers
// where the copy is. It tries again when background work changed the directory
// meanwhile: a killed process leaves files of one moment. The test fails when
// the directory does not come to rest within two seconds.
func Copy(t *testing.T, dir string) string {
	t.Helper()
	for range attempts {
		to := filepath.Join(t.TempDir(), "copy")
		before := listing(dir)
		err := os.CopyFS(to, os.DirFS(dir))
		if err == nil && before == listing(dir) {
			return to
		}
		time.Sleep(pause)
	}
	t.Fatal("the directory does not come to rest")
	return ""
}

// listing is the names, sizes and times of the files below dir; unlike any other
// when one went away meanwhile.
func listing(dir string) string {
	var out []byte
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			out = fmt.Appendf(out, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	if err != nil {
		return fmt.Sprint(time.Now())
	}
	return string(out)
}
