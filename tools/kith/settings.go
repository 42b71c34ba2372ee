package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// settings is the server's configuration. A key is the flag's name with
// underscores in the YAML file, and KITH_ and capitals in the environment.
type settings struct {
	DataDir             string        `koanf:"data_dir"`
	HTTPAddr            string        `koanf:"http_addr"`
	APIKey              string        `koanf:"api_key"`
	ReadOnlyAPIKey      string        `koanf:"read_only_api_key"`
	JWTRBAC             bool          `koanf:"jwt_rbac"`
	TLSCert             string        `koanf:"tls_cert"`
	TLSKey              string        `koanf:"tls_key"`
	Groups              int           `koanf:"groups"`
	IndexWorkers        int           `koanf:"index_workers"`
	CacheMiB            int64         `koanf:"cache_mib"`
	MemTableMiB         int64         `koanf:"memtable_mib"`
	LogMiB              int64         `koanf:"log_mib"`
	ImageMiB            int64         `koanf:"image_mib"`
	MemoryLimit         string        `koanf:"memory_limit"`
	DiskReserveMiB      int64         `koanf:"disk_reserve_mib"`
	MaxBodyMiB          int           `koanf:"max_body_mib"`
	MaxConnections      int           `koanf:"max_connections"`
	MaxInFlight         int           `koanf:"max_in_flight"`
	RequestTimeout      time.Duration `koanf:"request_timeout"`
	ReadTimeout         time.Duration `koanf:"read_timeout"`
	StopTimeout         time.Duration `koanf:"stop_timeout"`
	SnapshotsDir        string        `koanf:"snapshots_dir"`
	SnapshotURLs        bool          `koanf:"snapshot_urls"`
	SnapshotPrivateURLs bool          `koanf:"snapshot_private_urls"`
	SnapshotTimeout     time.Duration `koanf:"snapshot_timeout"`
	MaxSnapshotMiB      int64         `koanf:"max_snapshot_mib"`
	StorageSnapshot     string        `koanf:"storage_snapshot"`
	LogLevel            string        `koanf:"log_level"`
	LogFormat           string        `koanf:"log_format"`
}

const (
	envPrefix = "KITH_"
	maxGroups = 64
	mib       = 1 << 20
)

// settingFlags declares every setting once: the flags are the keys.
func settingFlags() *pflag.FlagSet {
	f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	f.String("data-dir", "./kith-data", "folder that holds everything the server keeps; made when missing")
	f.String("http-addr", "127.0.0.1:6333", "`HOST:PORT` to serve HTTP on; port 0 takes a free one and logs it")
	f.String("api-key", "", "`KEY` every request must carry (api-key header or Authorization: Bearer); better given as KITH_API_KEY, since other users see flags")
	f.String("read-only-api-key", "", "`KEY` that may read and not write")
	f.Bool("jwt-rbac", false, "take JSON Web Tokens (HS256) that are signed with the API key: they may be bound to collections and to a time")
	f.String("tls-cert", "", "PEM `FILE` with the certificate chain; needs --tls-key")
	f.String("tls-key", "", "PEM `FILE` with the certificate's private key; needs --tls-cert")
	f.Int("groups", 1, "replica groups, 1 to 64: independent logs and stores; may grow, never shrink")
	f.Int("index-workers", 0, "goroutines that build indexes; 0 takes one per core")
	f.Int64("cache-mib", 0, "block cache of all stores, in `MiB`; 0 takes a 64th of what these hold, 2 at least, a 32nd of the memory limit at most")
	f.Int64("memtable-mib", 0, "write buffer of each group's store, in `MiB`; 0 takes 3")
	f.Int64("log-mib", 0, "log that a group keeps before it flushes and cuts it, in `MiB`: what a restart replays at most; 0 takes 64")
	f.Int64("image-mib", 0, "vectors of a shard from which on they are written to one more file in the calm, for a fast start, in `MiB`: it takes as much disk again; 0 takes 256, -1 none")
	f.String("memory-limit", "", "memory that the process may take, as `SIZE` (800MiB, 12GiB), or none: near to it new collections, large writes and index builds are refused with 507, and reads, deletions and small writes go on; empty takes what the control group or the machine has")
	f.Int64("disk-reserve-mib", 0, "disk to keep free, in `MiB`: below it writes are refused with 507 and reads go on; 0 takes 256, -1 none")
	f.Int("max-body-mib", 0, "largest request body, in `MiB`, also after decompression; 0 takes 32")
	f.Int("max-connections", 0, "connections at once; 0 takes 16384")
	f.Int("max-in-flight", 0, "requests at once, beyond which 503 is answered; 0 takes 1024")
	f.Duration("request-timeout", 0, "longest time for one request, such as 30s; 0 takes 1m")
	f.Duration("read-timeout", 0, "longest time to receive one request whole; 0 takes 30s")
	f.Duration("stop-timeout", 9*time.Second, "longest time to finish requests and checkpoint after SIGTERM")
	f.String("snapshots-dir", "", "folder that keeps snapshots; none: snapshots in the data folder")
	f.Bool("snapshot-urls", false, "let recoveries fetch snapshots from http and https URLs")
	f.Bool("snapshot-private-urls", false, "with --snapshot-urls: also from private networks and this machine")
	f.Duration("snapshot-timeout", 0, "longest time to make, send or recover a snapshot; 0 takes 1h")
	f.Int64("max-snapshot-mib", 0, "largest snapshot that is uploaded or fetched, in `MiB`; 0 takes 1048576")
	f.String("storage-snapshot", "", "`FILE` with a snapshot of a whole node, restored at the start while the data folder has no collections")
	f.String("log-level", "info", "debug, info, warn or error")
	f.String("log-format", "auto", "text, json, or auto: text on a terminal")
	return f
}

func settingKey(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

func settingKeys() []string {
	var keys []string
	settingFlags().VisitAll(func(f *pflag.Flag) { keys = append(keys, settingKey(f.Name)) })
	return keys
}

// loadSettings reads the YAML file (when named), then the environment, then the
// flags: later ones win. ignored are KITH_ variables that are no setting; they
// are no error, since orchestrators make up such names (KITH_PORT and so on).
func loadSettings(path string, environ []string, flags *pflag.FlagSet) (s settings, ignored []string, err error) {
	k, keys := koanf.New("."), settingKeys()
	if path != "" {
		if err := loadFile(k, path, keys); err != nil {
			return s, nil, err
		}
	}
	fromEnv := env.Provider("", env.Opt{Prefix: envPrefix, EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			key := strings.ToLower(strings.TrimPrefix(name, envPrefix))
			if !slices.Contains(keys, key) {
				ignored = append(ignored, name)
				return "", nil
			}
			return key, value
		}})
	if err := k.Load(fromEnv, nil); err != nil {
		return s, nil, err
	}
	fromFlags := posflag.ProviderWithFlag(flags, ".", k, func(f *pflag.Flag) (string, any) {
		if key := settingKey(f.Name); slices.Contains(keys, key) {
			return key, posflag.FlagVal(flags, f)
		}
		return "", nil
	})
	if err := k.Load(fromFlags, nil); err != nil {
		return s, nil, err
	}
	if err := k.Unmarshal("", &s); err != nil {
		return s, nil, fmt.Errorf("a setting has the wrong type: %w", err)
	}
	sort.Strings(ignored)
	return s, ignored, s.validate()
}

func loadFile(k *koanf.Koanf, path string, keys []string) error {
	if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
		return fmt.Errorf("config file %s: %w", path, err)
	}
	var faults []error
	for _, key := range k.Keys() {
		if !slices.Contains(keys, key) {
			faults = append(faults, fmt.Errorf("config file %s: unknown setting %q: settings are %s", path, key, strings.Join(keys, ", ")))
		}
	}
	return errors.Join(faults...)
}

// validate reports every fault at once, by key.
func (s *settings) validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if s.DataDir == "" {
		fault("data_dir is empty: name a folder")
	}
	if _, _, err := net.SplitHostPort(s.HTTPAddr); err != nil {
		fault("http_addr %q: use HOST:PORT", s.HTTPAddr)
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		fault("tls_cert and tls_key go together: give both or none")
	}
	if s.ReadOnlyAPIKey != "" && s.APIKey == "" {
		fault("read_only_api_key needs api_key: without it everybody may write")
	}
	if s.JWTRBAC && s.APIKey == "" {
		fault("jwt_rbac needs api_key: tokens are signed with it")
	}
	if s.Groups < 1 || s.Groups > maxGroups {
		fault("groups is %d: use 1 to %d", s.Groups, maxGroups)
	}
	if s.StopTimeout <= 0 {
		fault("stop_timeout is %v: use a positive duration", s.StopTimeout)
	}
	if s.SnapshotTimeout < 0 {
		fault("snapshot_timeout is %v: use 0 or more", s.SnapshotTimeout)
	}
	if s.SnapshotPrivateURLs && !s.SnapshotURLs {
		fault("snapshot_private_urls needs snapshot_urls: without it no URL is fetched")
	}
	if s.RequestTimeout < 0 || s.ReadTimeout < 0 {
		fault("request_timeout and read_timeout are %v and %v: use 0 or more", s.RequestTimeout, s.ReadTimeout)
	}
	for key, n := range map[string]int64{"index_workers": int64(s.IndexWorkers), "cache_mib": s.CacheMiB,
		"memtable_mib": s.MemTableMiB, "max_snapshot_mib": s.MaxSnapshotMiB, "log_mib": s.LogMiB, "max_body_mib": int64(s.MaxBodyMiB),
		"max_connections": int64(s.MaxConnections), "max_in_flight": int64(s.MaxInFlight)} {
		if n < 0 {
			fault("%s is %d: use 0 or more", key, n)
		}
	}
	if _, err := parseMemory(s.MemoryLimit); err != nil {
		faults = append(faults, err)
	}
	if _, err := logLevel(s.LogLevel); err != nil {
		fault("log_level %q: use debug, info, warn or error", s.LogLevel)
	}
	if !slices.Contains([]string{"auto", "text", "json"}, s.LogFormat) {
		fault("log_format %q: use auto, text or json", s.LogFormat)
	}
	return errors.Join(faults...)
}

func logLevel(name string) (slog.Level, error) {
	var l slog.Level
	err := l.UnmarshalText([]byte(name))
	return l, err
}

// newLogger writes text to a terminal and JSON elsewhere, unless told.
func (s *settings) newLogger(w *os.File) *slog.Logger {
	level, err := logLevel(s.LogLevel)
	if err != nil {
		level = slog.LevelInfo // validate has refused it
	}
	o := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "text" || s.LogFormat == "auto" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}

// exposed reports whether others than this machine can reach the address and no
// key keeps them out.
func (s *settings) exposed() bool {
	if s.APIKey != "" {
		return false
	}
	host, _, err := net.SplitHostPort(s.HTTPAddr)
	if err != nil {
		return true
	}
	if host == "localhost" {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err != nil || !addr.IsLoopback()
}
