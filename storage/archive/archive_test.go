package archive

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
)

func manifest(shards ...Shard) Manifest {
	return Manifest{Kind: OfCollection, Created: "2026-11-25T00:00:00Z", Collections: []Collection{{Name: "c", Schema: json.RawMessage(`{}`), Shards: shards}}}
}

// write makes an archive whose streams have the given contents.
func write(t testing.TB, m Manifest, contents ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, m)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range m.Streams() {
		if err := w.Stream(name, func(to io.Writer) error { _, err := to.Write(contents[i]); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestStreamsComeBack(t *testing.T) {
	m := manifest(Shard{Number: 0, Graphs: []uint16{0, 7}}, Shard{Number: 1})
	want := [][]byte{noise(3*BlockBytes + 5), {}, noise(BlockBytes), noise(1)}
	a, err := NewReader(bytes.NewReader(write(t, m, want...)))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Release()
	for i, name := range a.Manifest().Streams() {
		s, err := a.Stream(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, want[i]) {
			t.Errorf("%s: %d bytes, want %d; %v", name, len(got), len(want[i]), err)
		}
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestRowsComeBack(t *testing.T) {
	var stream []byte
	want := [][2][]byte{{[]byte("a"), nil}, {[]byte("b"), noise(70_000)}, {noise(300), []byte("x")}}
	for _, r := range want {
		stream = AppendRow(stream, r[0], r[1])
	}
	i := 0
	err := EachRow(bytes.NewReader(stream), func(key, value []byte) error {
		if !bytes.Equal(key, want[i][0]) || !bytes.Equal(value, want[i][1]) {
			t.Errorf("row %d", i)
		}
		i++
		return nil
	})
	if err != nil || i != len(want) {
		t.Error(i, err)
	}
	for cut := 1; cut < len(stream); cut += 97 {
		if err := EachRow(bytes.NewReader(stream[:cut]), func(_, _ []byte) error { return nil }); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	huge := append([]byte{1, 'k'}, 0xff, 0xff, 0xff, 0xff, 0x03) // promises a value of a gigabyte
	if err := EachRow(bytes.NewReader(huge), func(_, _ []byte) error { return nil }); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

// entry is one entry of a hostile archive.
type entry struct {
	name, text, sum string
	kind            byte
	link            string
	size            int64 // when not 0, what the header claims
}

// forge writes what an attacker might, with checksums that are right unless
// given.
func forge(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(64<<10))
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, e := range entries {
		sum := sha256.Sum256([]byte(e.text))
		h := &tar.Header{Name: e.name, Size: int64(len(e.text)), Typeflag: tar.TypeReg, Linkname: e.link, Mode: 0o644, Format: tar.FormatPAX,
			PAXRecords: map[string]string{sumRecord: hex.EncodeToString(sum[:])}}
		if e.sum != "" {
			h.PAXRecords[sumRecord] = e.sum
		}
		if e.kind != 0 {
			h.Typeflag, h.Size = e.kind, 0
		}
		if e.size != 0 {
			h.Size = e.size
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if e.kind == 0 {
			if _, err := io.WriteString(w, e.text); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.Flush()
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const plain = `{"kith_snapshot":1,"kind":"collection","created":"","collections":[{"name":"c","schema":{},"shards":[{"number":0}]}]}`

func TestHostileArchivesAreRefused(t *testing.T) {
	m := entry{name: manifestName, text: plain}
	first := entry{name: "0/0/rows/000000", text: strings.Repeat("x", BlockBytes)}
	for what, archive := range map[string][]byte{
		"nothing": nil, "no zstd": []byte("hello"), "no tar": func() []byte { z, _ := zstd.NewWriter(nil); return z.EncodeAll(noise(5000), nil) }(),
		"no manifest":          forge(t, first),
		"a newer version":      forge(t, entry{name: manifestName, text: strings.Replace(plain, `snapshot":1`, `snapshot":3`, 1)}),
		"an unknown field":     forge(t, entry{name: manifestName, text: strings.Replace(plain, `"created"`, `"x":1,"created"`, 1)}),
		"an unknown kind":      forge(t, entry{name: manifestName, text: strings.Replace(plain, `"kind":"collection"`, `"kind":"x"`, 1)}),
		"no shards":            forge(t, entry{name: manifestName, text: strings.Replace(plain, `{"number":0}`, ``, 1)}),
		"a shard elsewhere":    forge(t, entry{name: manifestName, text: strings.Replace(plain, `{"number":0}`, `{"number":3}`, 1)}),
		"a path":               forge(t, m, entry{name: "../../etc/passwd", text: "x"}),
		"an absolute path":     forge(t, m, entry{name: "/0/0/rows/000000", text: "x"}),
		"a symbolic link":      forge(t, m, entry{name: first.name, kind: tar.TypeSymlink, link: "/etc/passwd"}),
		"a hard link":          forge(t, m, entry{name: first.name, kind: tar.TypeLink, link: manifestName}),
		"a folder":             forge(t, m, entry{name: first.name, kind: tar.TypeDir}),
		"a device":             forge(t, m, entry{name: first.name, kind: tar.TypeChar}),
		"a block twice":        forge(t, m, first, first),
		"a block left out":     forge(t, m, first, entry{name: "0/0/rows/000002", text: "x"}),
		"too large a block":    forge(t, m, entry{name: first.name, text: first.text + "x"}),
		"a size of an exabyte": forge(t, m, entry{name: first.name, size: 1 << 60}),
		"a wrong checksum":     forge(t, m, entry{name: first.name, text: "x", sum: strings.Repeat("0", 64)}),
		"no version":           forge(t, entry{name: manifestName, text: strings.Replace(plain, `snapshot":1`, `snapshot":0`, 1)}),
		"no seal":              func() []byte { b := write(t, manifest(Shard{}), []byte("x")); return b[:len(b)-sealBytes] }(),
		"two seals": func() []byte {
			b := write(t, manifest(Shard{}), []byte("x"))
			return append(b, b[len(b)-sealBytes:]...)
		}(),
		"no end":                 forge(t, m, entry{name: first.name, text: "x"}),
		"an end that lies":       forge(t, m, entry{name: first.name, text: "x"}, entry{name: endName, text: `{"entries":2,"bytes":1,"sha256":"00"}`}),
		"bytes behind the end":   append(write(t, manifest(Shard{}), []byte("x")), "more"...),
		"an archive behind it":   append(write(t, manifest(Shard{}), []byte("x")), write(t, manifest(Shard{}), []byte("x"))...),
		"a gigabyte of manifest": forge(t, entry{name: manifestName, size: 1 << 30}),
	} {
		if _, _, err := Verify(bytes.NewReader(archive)); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", what, err)
		}
	}
	broken := errors.New("broken")
	if _, _, err := Verify(io.MultiReader(bytes.NewReader(write(t, manifest(Shard{}), noise(9000))[:5000]), failing{broken})); !errors.Is(err, broken) || errors.Is(err, ErrCorrupt) {
		t.Errorf("the source's own fault: %v", err)
	}
}

// TestEveryFlippedBitIsFound flips each bit of an archive, also those that unpack
// to the same, and cuts it at each byte.
func TestEveryFlippedBitIsFound(t *testing.T) {
	text := bytes.Repeat([]byte("the same words again, "), 40) // packed: matches, tables and literals
	whole := write(t, manifest(Shard{}), append(text, noise(100)...))
	if _, _, err := Verify(bytes.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, at int, b []byte) {
		t.Helper()
		if _, _, err := Verify(bytes.NewReader(b)); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrFormat) {
			t.Errorf("%s at %d of %d: %v", what, at, len(whole), err)
		}
	}
	for at := range whole {
		refused("cut", at, whole[:at])
		for bit := range 8 {
			bad := bytes.Clone(whole)
			bad[at] ^= 1 << bit
			refused(fmt.Sprintf("bit %d flipped", bit), at, bad)
		}
	}
	if _, _, err := Verify(iotest.OneByteReader(bytes.NewReader(whole))); err != nil {
		t.Errorf("byte by byte: %v", err)
	}
	if plain, err := io.ReadAll(must(zstd.NewReader(bytes.NewReader(whole)))); err != nil || !bytes.Contains(plain, text) {
		t.Errorf("another reader of zstd: %d bytes, %v", len(plain), err)
	}
}

func must(z *zstd.Decoder, err error) *zstd.Decoder {
	if err != nil {
		panic(err)
	}
	return z
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestAZipBombCostsABlock reads an archive of a few kilobytes that unpacks to a
// gigabyte: it is read in the memory of a block, and the reader may stop at any.
func TestAZipBombCostsABlock(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, manifest(Shard{}))
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, BlockBytes)
	err = w.Stream(Rows(0, 0), func(to io.Writer) error {
		for range 256 {
			if _, err := to.Write(zeros); err != nil {
				return err
			}
		}
		return nil
	})
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 2<<20 {
		t.Fatalf("%d bytes: no bomb", b.Len())
	}
	a, err := NewReader(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Release()
	s, err := a.Stream(Rows(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	read := 0
	perMiB := testing.AllocsPerRun(20, func() {
		n, err := io.ReadFull(s, buf)
		if read += n; err != nil {
			t.Fatal(err)
		}
	})
	if perMiB > 200 {
		t.Errorf("%v allocations for a read", perMiB)
	}
}

// FuzzReader feeds the reader any bytes, also as the content of a well-formed
// shell: no panic, no hang, and what it takes for whole it takes again.
func FuzzReader(f *testing.F) {
	good := write(f, manifest(Shard{Graphs: []uint16{0}}), AppendRow(nil, []byte("k"), []byte("v")), []byte("graph"))
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add(forge(f, entry{name: manifestName, text: plain}, entry{name: "0/0/rows/000000", text: "x"}))
	f.Add([]byte(plain))
	f.Fuzz(func(t *testing.T, b []byte) {
		read(t, b)
		read(t, forge(t, entry{name: manifestName, text: string(b)}))
		read(t, forge(t, entry{name: manifestName, text: plain}, entry{name: "0/0/rows/000000", text: string(b)}, entry{name: endName, text: "{}"}))
	})
}

func read(t *testing.T, b []byte) {
	a, err := NewReader(bytes.NewReader(b))
	if err != nil {
		return
	}
	defer a.Release()
	for _, name := range a.Manifest().Streams() {
		s, err := a.Stream(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := EachRow(s, func(_, _ []byte) error { return nil }); err != nil {
			return
		}
	}
	if a.Close() != nil {
		return
	}
	if _, _, err := Verify(bytes.NewReader(b)); err != nil {
		t.Errorf("whole the first time: %v", err)
	}
}

// TestTheFirstVersionIsRead holds a file that version 1 wrote against this build.
func TestTheFirstVersionIsRead(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "v1.snapshot"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, end, err := Verify(f)
	if err != nil || m.Collections[0].Name != "c" || end.Entries != 3 {
		t.Error(fmt.Sprintf("%+v %+v", m, end), err)
	}
}
