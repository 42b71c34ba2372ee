// Package archive is the form of a snapshot: one stream of tar inside zstd, with
// a manifest first and a checksum for every file and for the whole.
//
// Who calls: cluster writes and reads snapshots, tools/kith verifies files. What
// it calls: archive/tar and klauspost/compress. It never touches a store, a disk
// or a network, and it knows nothing of what the streams hold.
//
// # Form, version 2
//
//	manifest.json         Manifest
//	C/S/rows/NNNNNN       rows of shard S of collection C, cut into blocks
//	C/S/graph-V/NNNNNN    graph checkpoint of its vector number V, cut into blocks
//	end.json              End
//	seal                  behind the tar: a frame that zstd skips
//
// C and S count from 0 in the manifest's order. A stream is cut into blocks of
// exactly BlockBytes; its last block is shorter, and may be empty. So a reader
// knows every name before it comes: an entry of another name, kind or size, a
// second one, a link or a path is refused. Each entry has the SHA-256 of its
// content in the PAX record KITH.sha256, and end.json the SHA-256 over those of
// all entries in their order. The seal is the SHA-256 of every packed byte before
// it. Version 1 is the same without a seal.
package archive

import (
	"encoding/json"
	"errors"
	"fmt"
)

// FormatVersion is the version that Writer writes. A reader takes it and those
// before it, and refuses all others.
const FormatVersion = 2

// sealedVersion is the first with a seal.
const sealedVersion = 2

const (
	// BlockBytes is the size of a block of a stream.
	BlockBytes = 1 << 20
	// manifestBytes bounds the manifest: a node may have thousands of collections.
	manifestBytes = 32 << 20
	// mostStreams bounds what a manifest may promise.
	mostStreams = 1 << 18
	endBytes    = 4 << 10

	manifestName = "manifest.json"
	endName      = "end.json"
	sumRecord    = "KITH.sha256"
)

var (
	// ErrFormat: this is no snapshot, or one of a version that this build does not
	// know.
	ErrFormat = errors.New("unknown snapshot format")
	// ErrCorrupt: the archive is damaged, cut short, or was made to do harm.
	ErrCorrupt = errors.New("the snapshot is corrupt")
)

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// Kind says what an archive is a snapshot of.
type Kind string

// The kinds.
const (
	OfCollection Kind = "collection"
	OfShard      Kind = "shard"
	OfNode       Kind = "node"
)

// Manifest says what is in an archive. Its JSON form is on disk: fields are
// added, never renamed.
type Manifest struct {
	Version     int          `json:"kith_snapshot"`
	Kind        Kind         `json:"kind"`
	Created     string       `json:"created"` // RFC 3339, UTC
	Collections []Collection `json:"collections"`
	Aliases     []Alias      `json:"aliases,omitempty"` // a node's
}

// Collection is a collection in a manifest.
type Collection struct {
	Name   string          `json:"name"`
	Schema json.RawMessage `json:"schema"`
	Shards []Shard         `json:"shards"`
}

// Shard is a shard in a manifest.
type Shard struct {
	Number int      `json:"number"`           // its place in the collection, from 0
	Graphs []uint16 `json:"graphs,omitempty"` // vectors that have a graph here
}

// Alias is another name of a collection.
type Alias struct {
	Name       string `json:"alias"`
	Collection string `json:"collection"`
}

// End closes an archive.
type End struct {
	Entries int    `json:"entries"` // before this one
	Bytes   int64  `json:"bytes"`   // of their contents
	SHA256  string `json:"sha256"`  // over the SHA-256 of each entry
}

// Rows names the stream of a shard's rows; c and s count from 0.
func Rows(c, s int) string { return fmt.Sprintf("%d/%d/rows", c, s) }

// Graph names the stream of a graph's checkpoint.
func Graph(c, s int, vector uint16) string { return fmt.Sprintf("%d/%d/graph-%d", c, s, vector) }

// Streams are the streams that follow a manifest, in their order.
func (m *Manifest) Streams() []string {
	var out []string
	for c := range m.Collections {
		for s := range m.Collections[c].Shards {
			out = append(out, Rows(c, s))
			for _, v := range m.Collections[c].Shards[s].Graphs {
				out = append(out, Graph(c, s, v))
			}
		}
	}
	return out
}

func knownVersion(v int) error {
	if v < 1 || v > FormatVersion {
		return fmt.Errorf("%w: version %d, this build reads versions 1 to %d", ErrFormat, v, FormatVersion)
	}
	return nil
}

// check refuses a manifest that contradicts itself.
func (m *Manifest) check() error {
	if err := knownVersion(m.Version); err != nil {
		return err
	}
	switch m.Kind {
	case OfCollection:
		if len(m.Collections) != 1 {
			return corrupt("a snapshot of a collection names %d collections", len(m.Collections))
		}
	case OfShard:
		if len(m.Collections) != 1 || len(m.Collections[0].Shards) != 1 {
			return corrupt("a snapshot of a shard must name one shard")
		}
	case OfNode:
	default:
		return fmt.Errorf("%w: kind %q", ErrFormat, m.Kind)
	}
	streams := 0
	for i := range m.Collections {
		for j := range m.Collections[i].Shards {
			streams += 1 + len(m.Collections[i].Shards[j].Graphs)
		}
	}
	if streams > mostStreams {
		return corrupt("it has %d streams, the most is %d", streams, mostStreams)
	}
	names := map[string]struct{}{}
	for i := range m.Collections {
		c := &m.Collections[i]
		if _, twice := names[c.Name]; twice || c.Name == "" || len(c.Shards) == 0 {
			return corrupt("collection %q is named twice or has no shards", c.Name)
		}
		names[c.Name] = struct{}{}
		if err := c.check(m.Kind); err != nil {
			return err
		}
	}
	return nil
}

func (c *Collection) check(k Kind) error {
	for i, s := range c.Shards {
		if s.Number != i && k != OfShard || s.Number < 0 {
			return corrupt("collection %q: shard %d stands at place %d", c.Name, s.Number, i)
		}
		seen := map[uint16]struct{}{}
		for _, v := range s.Graphs {
			if _, twice := seen[v]; twice {
				return corrupt("collection %q: shard %d names the graph of vector %d twice", c.Name, s.Number, v)
			}
			seen[v] = struct{}{}
		}
	}
	return nil
}
