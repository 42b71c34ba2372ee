package server

import (
	"encoding/binary"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/kithdb/kith/cluster"
)

// describeSystem tells of the machine that the node runs on.
func describeSystem(u cluster.Usage) object {
	release := osRelease()
	_, err := os.Stat("/.dockerenv")
	out := object{
		"is_docker": err == nil, "cores": runtime.NumCPU(), "cpu_flags": strings.Join(cpuFlags(), ","), "cpu_endian": endian(),
	}
	given(out, "distribution", release["ID"])
	given(out, "distribution_version", release["VERSION_ID"])
	if u.Memory > 0 {
		out["ram_size"] = u.Memory >> 10
	}
	if u.Disk > 0 {
		out["disk_size"] = u.Disk >> 10
	}
	return out
}

func endian() string {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return "little"
	}
	return "big"
}

// osRelease is the members of /etc/os-release; empty where there is none.
func osRelease() map[string]string {
	out := map[string]string{}
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return out
	}
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		if plain, err := strconv.Unquote(value); err == nil {
			value = plain
		}
		out[key] = value
	}
	return out
}

// interesting are the instructions that decide how fast vectors are compared.
var interesting = []string{"sse", "sse2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512vl", "avx512_vnni", "asimd", "fphp", "asimdhp", "sve"}

func cpuFlags() (out []string) {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		if key = strings.TrimSpace(key); key != "flags" && key != "Features" {
			continue
		}
		have := strings.Fields(value)
		for _, flag := range interesting {
			if slices.Contains(have, flag) {
				out = append(out, flag)
			}
		}
		return out
	}
	return nil
}
