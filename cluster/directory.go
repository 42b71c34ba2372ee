package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// FormatVersion is the version of the data directory's layout.
const FormatVersion = 1

// layout is the content of the file FORMAT.
type layout struct {
	Kith   int `json:"kith_data_format"`
	Groups int `json:"groups"`
}

// openFormat reads the directory's FORMAT, or writes it in an empty directory,
// and returns the number of groups. A directory with other things in it is
// refused: it is not ours.
func openFormat(dir string, groups int) (int, error) {
	path := filepath.Join(dir, "FORMAT")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := refuseForeign(dir); err != nil {
			return 0, err
		}
		return groups, writeFormat(path, groups)
	}
	if err != nil {
		return 0, err
	}
	var l layout
	if err := json.Unmarshal(text, &l); err != nil || l.Kith == 0 {
		return 0, fmt.Errorf("%w: %s is not a kith FORMAT file", ErrFormat, path)
	}
	if l.Kith != FormatVersion {
		return 0, fmt.Errorf("%w: %s says version %d, this build knows %d; use the kith that wrote it", ErrFormat, path, l.Kith, FormatVersion)
	}
	if groups < l.Groups {
		return 0, fmt.Errorf("groups: %d is less than the %d that the data directory has; they cannot shrink", groups, l.Groups)
	}
	if groups > l.Groups {
		return groups, writeFormat(path, groups)
	}
	return l.Groups, nil
}

func refuseForeign(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != lockName && e.Name() != "lost+found" && !strings.HasPrefix(e.Name(), "FORMAT.") {
			return fmt.Errorf("%w: %s is not empty (%s) and has no FORMAT file; give kith a directory of its own", ErrFormat, dir, e.Name())
		}
	}
	return nil
}

func writeFormat(path string, groups int) error {
	text, err := json.Marshal(layout{Kith: FormatVersion, Groups: groups})
	if err != nil {
		return err
	}
	return writeFile(path, append(text, '\n'))
}

// writeFile makes a small file appear whole or not at all, also after a crash.
func writeFile(path string, text []byte) (err error) {
	w, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(w.Name()))
		}
	}()
	_, werr := w.Write(text)
	if err = errors.Join(werr, w.Sync(), w.Close()); err != nil {
		return err
	}
	if err = os.Rename(w.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

const lockName = "LOCK"

// dirLock keeps a second process out. The kernel lets go of it however the
// process ends.
type dirLock struct{ f *os.File }

func lockDir(dir string) (*dirLock, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner := make([]byte, 32)
		n, _ := f.Read(owner)
		f.Close()
		return nil, fmt.Errorf("%w: %s is held by process %s", ErrLocked, path, bytes.TrimSpace(owner[:n]))
	}
	if err := f.Truncate(0); err == nil {
		fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return &dirLock{f}, nil
}

func (l *dirLock) release() error { return l.f.Close() }
