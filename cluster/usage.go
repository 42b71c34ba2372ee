package cluster

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Usage is what the node's process uses of its machine, in bytes. What cannot be
// read is 0.
type Usage struct {
	// Resident is the memory that the kernel cannot take back by dropping pages
	// of files.
	Resident int64
	Memory   int64 // of the machine, or what the cgroup allows when that is less
	DiskUsed int64 // of the file system with the data directory
	Disk     int64
}

// MemoryPercent is the share of memory in use, rounded down; false when it is
// not known.
func (u Usage) MemoryPercent() (int, bool) { return percent(u.Resident, u.Memory) }

// DiskPercent is the share of disk in use, rounded down; false when it is not
// known.
func (u Usage) DiskPercent() (int, bool) { return percent(u.DiskUsed, u.Disk) }

func percent(used, total int64) (int, bool) {
	if total <= 0 || used <= 0 {
		return 0, false
	}
	return int(min(100, float64(used)/float64(total)*100)), true
}

// Usage reads what the node uses now.
func (n *Node) Usage() Usage { return readUsage(n.o.Dir) }

func readUsage(dir string) Usage {
	u := Usage{Resident: resident(), Memory: memoryLimit()}
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) == nil {
		// As df has it: what is reserved for root is neither used nor free.
		u.DiskUsed = int64(st.Blocks-st.Bfree) * int64(st.Bsize)
		u.Disk = u.DiskUsed + int64(st.Bavail)*int64(st.Bsize)
	}
	return u
}

// resident reads the process's anonymous and shared memory.
func resident() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	return kibibytes(text, "RssAnon:") + kibibytes(text, "RssShmem:")
}

// kibibytes finds a line such as "MemTotal:  16 kB" and answers its bytes.
func kibibytes(text []byte, key string) int64 {
	for line := range bytes.Lines(text) {
		if words := strings.Fields(string(line)); len(words) >= 2 && words[0] == key {
			n, err := strconv.ParseInt(words[1], 10, 64)
			if err != nil {
				return 0
			}
			return n << 10
		}
	}
	return 0
}

// memoryLimit is the machine's memory, or the smallest limit of the control
// groups that the process is in.
func memoryLimit() int64 {
	var total int64
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		total = kibibytes(text, "MemTotal:")
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return total
	}
	for line := range strings.Lines(string(groups)) {
		for _, file := range limitFiles(strings.TrimSpace(line)) {
			if n, ok := readLimit(file); ok && (total == 0 || n < total) {
				total = n
			}
		}
	}
	return total
}

// limitFiles are the files with memory limits that a line of /proc/self/cgroup
// points to: those of the group and of all above it. In a container the group's
// own path may not be visible; the root then has the limit.
func limitFiles(line string) []string {
	parts := strings.SplitN(line, ":", 3)
	if len(parts) != 3 {
		return nil
	}
	root, name := "/sys/fs/cgroup", "memory.max"
	switch {
	case parts[1] == "":
	case strings.Contains(","+parts[1]+",", ",memory,"):
		root, name = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	default:
		return nil
	}
	var out []string
	for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
		out = append(out, filepath.Join(root, at, name))
		if at == "/" {
			return out
		}
	}
}

func readLimit(file string) (int64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil && n > 0 // "max" is none
}
