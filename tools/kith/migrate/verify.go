package migrate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
)

// verify reads the source again, page by page, and holds every point against
// the target's. The checksum is the same on both sides then.
func (m *migration) verify(ctx context.Context, c *Collection) (string, error) {
	total, err := m.src.Count(ctx, c.Name)
	if err != nil {
		return "", err
	}
	var sum checksum
	seen := 0
	for where := ""; ; {
		p, err := m.src.Page(ctx, c, where, m.Batch)
		if err != nil {
			return "", fmt.Errorf("verify: read from %q on: %w", where, err)
		}
		if err := m.compare(ctx, c, p.Points, &sum); err != nil {
			return "", err
		}
		seen += len(p.Points)
		m.tell(Progress{Collection: c.Name, Step: "verify", Done: seen, Total: total})
		if p.Next == "" {
			break
		}
		where = p.Next
	}
	if seen != total {
		return "", fmt.Errorf("verify: the source counts %d points and gave %d: was it written to meanwhile? Run it again once it rests", total, seen)
	}
	have, err := m.Target.Count(ctx, m.target(c.Name), nil)
	if err != nil {
		return "", err
	}
	if have != seen && !m.Append {
		return "", fmt.Errorf("verify: the source has %d points and the target %d: was one of them written to meanwhile? Run it again once they rest", seen, have)
	}
	return sum.String(), nil
}

func (m *migration) compare(ctx context.Context, c *Collection, points []client.Point, sum *checksum) error {
	if len(points) == 0 {
		return nil
	}
	ids := make([]client.ID, len(points))
	for i := range points {
		ids[i] = points[i].ID
	}
	records, err := m.Target.Retrieve(ctx, m.target(c.Name), ids, client.Select{Payload: true, Vector: true})
	if err != nil {
		return fmt.Errorf("verify: read from the target: %w", err)
	}
	found := make(map[string]*client.Record, len(records))
	for i := range records {
		found[records[i].ID.String()] = &records[i]
	}
	for i := range points {
		p := &points[i]
		r, ok := found[p.ID.String()]
		if !ok {
			return fmt.Errorf("verify: point %s is not on the target", p.ID)
		}
		payload, err := samePayload(p.Payload, r.Payload)
		if err != nil {
			return fmt.Errorf("verify: point %s: %w", p.ID, err)
		}
		if err := sameVectors(p.Vectors, r.Vectors, c.Spec.Vectors); err != nil {
			return fmt.Errorf("verify: point %s: %w", p.ID, err)
		}
		sum.add(p.ID, payload, r.Vectors)
	}
	return nil
}

// samePayload compares two payloads as JSON and answers their canonical form.
func samePayload(source any, target json.RawMessage) ([]byte, error) {
	text, err := json.Marshal(source)
	if err != nil {
		return nil, err
	}
	a, err := canonical(text)
	if err != nil {
		return nil, err
	}
	b, err := canonical(target)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(a, b) {
		return nil, fmt.Errorf("payload: the source has %s, the target %s", clip(a), clip(b))
	}
	return a, nil
}

// canonical sorts keys and keeps the digits of numbers. No payload and the empty
// one are the same.
func canonical(text []byte) ([]byte, error) {
	if t := strings.TrimSpace(string(text)); t == "" || t == "null" {
		return []byte("{}"), nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("payload: more than one JSON value")
	}
	return json.Marshal(v)
}

func clip(b []byte) string {
	const most = 200
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}

// sameVectors holds vectors against each other in the form that the target
// stores them in.
func sameVectors(source, target client.Vectors, config client.VectorConfig) error {
	if len(source) != len(target) {
		return fmt.Errorf("the source has %d vectors, the target %d", len(source), len(target))
	}
	for name, want := range source {
		have, ok := target[name]
		if !ok || len(have) != len(want) {
			return fmt.Errorf("vector %q: the source has %d values, the target %d", name, len(want), len(have))
		}
		params := config[name]
		if i, ok := near(want, have, params); !ok {
			return fmt.Errorf("vector %q: value %d is %v in the source and %v on the target", name, i, want[i], have[i])
		}
	}
	return nil
}

// tolerance is the rounding of a stored type, relative to the longest value.
func tolerance(datatype string) float64 {
	switch datatype {
	case "float16":
		return 1.0 / (1 << 10)
	case "uint8":
		return 0
	}
	return 1e-6
}

// near compares values, normalised first where the target normalises.
func near(want, have []float32, p api.VectorParams) (at int, ok bool) {
	scaleWant, scaleHave := 1.0, 1.0
	if p.Distance == api.Cosine && p.Datatype != "uint8" {
		scaleWant, scaleHave = inverseNorm(want), inverseNorm(have)
	}
	longest := 0.0
	for i := range want {
		longest = max(longest, math.Abs(float64(want[i])*scaleWant))
	}
	limit := tolerance(p.Datatype) * longest
	for i := range want {
		if math.Abs(float64(want[i])*scaleWant-float64(have[i])*scaleHave) > limit {
			return i, false
		}
	}
	return 0, true
}

func inverseNorm(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return 1
	}
	return 1 / math.Sqrt(sum)
}

// checksum is the sum, modulo 2²⁵⁶, of the SHA-256 of every point as the target
// holds it: the same whatever the order.
type checksum struct{ words [4]uint64 }

func (s *checksum) add(id client.ID, payload []byte, vectors client.Vectors) {
	h := sha256.New()
	text := id.String()
	fmt.Fprintf(h, "%d:%s%d:", len(text), text, len(payload))
	h.Write(payload)
	names := make([]string, 0, len(vectors))
	for name := range vectors {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(h, "%d:%s%d:", len(name), name, len(vectors[name]))
		if err := binary.Write(h, binary.LittleEndian, vectors[name]); err != nil {
			panic("bug: a hash refused bytes: " + err.Error())
		}
	}
	digest := h.Sum(nil)
	carry := uint64(0)
	for i := range s.words {
		w := binary.LittleEndian.Uint64(digest[8*i:])
		sum := s.words[i] + w
		over := sum < w
		sum += carry
		over = over || sum < carry
		s.words[i], carry = sum, 0
		if over {
			carry = 1
		}
	}
}

func (s *checksum) String() string {
	var b [32]byte
	for i, w := range s.words {
		binary.LittleEndian.PutUint64(b[8*i:], w)
	}
	return fmt.Sprintf("%x", b)
}
