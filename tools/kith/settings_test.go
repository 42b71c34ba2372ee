package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/cluster"
)

func load(t *testing.T, yaml string, env, args []string) (settings, []string, error) {
	t.Helper()
	path := ""
	if yaml != "" {
		path = filepath.Join(t.TempDir(), "kith.yaml")
		if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flags := settingFlags()
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return loadSettings(path, env, flags)
}

func TestDefaultsNeedNothing(t *testing.T) {
	s, ignored, err := load(t, "", nil, nil)
	if err != nil || len(ignored) != 0 {
		t.Fatal(ignored, err)
	}
	if s.DataDir != "./kith-data" || s.HTTPAddr != "127.0.0.1:6333" || s.Groups != 1 || s.StopTimeout != 9*time.Second {
		t.Errorf("%+v", s)
	}
}

func TestLaterSourcesWin(t *testing.T) {
	const yaml = "data_dir: /file\nhttp_addr: 1.1.1.1:1\ngroups: 3\nlog_level: warn\nrequest_timeout: 5s\n"
	env := []string{"KITH_HTTP_ADDR=2.2.2.2:2", "KITH_GROUPS=4", "KITH_API_KEY=k", "PATH=/bin", "KITH_PORT=tcp://1"}
	s, ignored, err := load(t, yaml, env, []string{"--groups", "5"})
	if err != nil {
		t.Fatal(err)
	}
	if s.DataDir != "/file" || s.HTTPAddr != "2.2.2.2:2" || s.Groups != 5 || s.APIKey != "k" || s.LogLevel != "warn" || s.RequestTimeout != 5*time.Second {
		t.Errorf("%+v", s)
	}
	if len(ignored) != 1 || ignored[0] != "KITH_PORT" {
		t.Errorf("ignored %v", ignored)
	}
}

func TestFaultsNameTheSetting(t *testing.T) {
	tests := []struct {
		yaml string
		env  string
		want string
	}{
		{"data-dir: x\n", "", `"data-dir"`},
		{"http:\n  addr: x\n", "", `"http.addr"`},
		{"groups: many\n", "", "groups"},
		{"{", "", "kith.yaml"},
		{"", "KITH_GROUPS=0", "groups"},
		{"", "KITH_HTTP_ADDR=6333", "http_addr"},
		{"", "KITH_TLS_CERT=c.pem", "tls_key"},
		{"", "KITH_READ_ONLY_API_KEY=r", "api_key"},
		{"", "KITH_LOG_LEVEL=loud", "log_level"},
		{"", "KITH_LOG_FORMAT=xml", "log_format"},
		{"", "KITH_STOP_TIMEOUT=-1s", "stop_timeout"},
		{"", "KITH_CACHE_MIB=-5", "cache_mib"},
		{"data_dir: ''\n", "", "data_dir"},
	}
	for _, tt := range tests {
		_, _, err := load(t, tt.yaml, []string{tt.env}, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q %q: error %v, want it to name %s", tt.yaml, tt.env, err, tt.want)
		}
	}
}

func TestExposure(t *testing.T) {
	for addr, want := range map[string]bool{"127.0.0.1:1": false, "[::1]:1": false, "localhost:1": false, "127.9.9.9:1": false,
		"0.0.0.0:1": true, ":1": true, "[::]:1": true, "10.0.0.1:1": true, "example.org:1": true} {
		if got := (&settings{HTTPAddr: addr}).exposed(); got != want {
			t.Errorf("%s exposed: %v", addr, got)
		}
		if (&settings{HTTPAddr: addr, APIKey: "k"}).exposed() {
			t.Errorf("%s with a key is exposed", addr)
		}
	}
}

func TestMemoryLimitReadsSizes(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "none": -1, "800MiB": 800 * mib, "12GiB": 12 << 30, "1.5g": 3 << 29, "134217728": 128 * mib, "64 MB": 64 * mib} {
		if got, err := parseMemory(text); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"1MiB", "-5GiB", "NaN", "infGiB", "12 parsecs", "0"} {
		if _, err := parseMemory(text); err == nil {
			t.Errorf("%q is a size", text)
		}
	}
}

// What lies outside the heap is taken from what the heap may have, but for an
// eighth.
func TestHeapLimit(t *testing.T) {
	m := cluster.Memory{Limit: 1000 * mib, Resident: 500 * mib}
	if got := heapLimit(m, 100*mib); got/mib != 549 && got/mib != 550 {
		t.Errorf("%d MiB with 400 MiB outside", got/mib)
	}
	m.Resident = 990 * mib
	if got := heapLimit(m, 10*mib); got/mib != 125 {
		t.Errorf("%d MiB with hardly any left", got/mib)
	}
}
