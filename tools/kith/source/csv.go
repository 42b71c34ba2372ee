package source

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kithdb/kith/client"
)

// readCSV takes a header line and a point per line. The vector is one column
// (a JSON array, or numbers with spaces or semicolons between them), or one
// column per component named vector_0, vector_1 and so on. Other columns are
// payload: an empty cell is left out, and cells that are spelled as JSON numbers
// or booleans become such.
func readCSV(r io.Reader, o Options) func() (client.Point, error) {
	in, id := csv.NewReader(r), rowIDs(o.FirstID)
	in.ReuseRecord = true
	var t *table
	return func() (client.Point, error) {
		if t == nil {
			head, err := in.Read()
			if err != nil {
				return client.Point{}, fmt.Errorf("header line: %w", unexpected(err))
			}
			if t, err = newTable(slices.Clone(head), o); err != nil {
				return client.Point{}, err
			}
		}
		cells, err := in.Read()
		if err != nil {
			return client.Point{}, err
		}
		return t.point(cells, id())
	}
}

// table knows what each column is.
type table struct {
	o       Options
	head    []string
	id      int // column, or −1
	vector  int // column of the whole vector, or −1
	parts   []int
	payload []int
}

func newTable(head []string, o Options) (*table, error) {
	head[0] = strings.TrimPrefix(head[0], "\ufeff") // spreadsheets mark UTF-8 so
	t := &table{o: o, head: head, id: -1, vector: -1}
	parts := map[int]int{}
	for i, name := range head {
		part, isPart := component(name, o.VectorField)
		switch {
		case name == o.IDField:
			t.id = i
		case name == o.VectorField:
			t.vector = i
		case isPart:
			parts[part] = i
		default:
			t.payload = append(t.payload, i)
		}
	}
	for k := range len(parts) {
		i, ok := parts[k]
		if !ok {
			return nil, fmt.Errorf("column %q is missing", fmt.Sprintf("%s_%d", o.VectorField, k))
		}
		t.parts = append(t.parts, i)
	}
	if (t.vector < 0) == (len(t.parts) == 0) {
		return nil, fmt.Errorf("the header needs either a column %[1]q or columns %[1]q_0, %[1]q_1, …: name the vector with --vector-field", o.VectorField)
	}
	return t, nil
}

func component(name, field string) (int, bool) {
	rest, ok := strings.CutPrefix(name, field+"_")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(rest)
	return n, err == nil && n >= 0 && n < MaxDim
}

func (t *table) point(cells []string, id client.ID) (client.Point, error) {
	p := client.Point{ID: id}
	if t.id >= 0 {
		if cells[t.id] == "" {
			return p, fmt.Errorf("column %q is empty", t.o.IDField)
		}
		p.ID = client.ParseID(cells[t.id])
	}
	v, err := t.values(cells)
	if err != nil {
		return p, err
	}
	p.Vectors = client.Vectors{t.o.VectorName: v}
	payload := map[string]any{}
	for _, i := range t.payload {
		if cells[i] != "" {
			payload[t.head[i]] = t.cell(t.head[i], cells[i])
		}
	}
	if len(payload) > 0 {
		p.Payload = payload
	}
	return p, nil
}

func (t *table) values(cells []string) ([]float32, error) {
	if t.vector >= 0 {
		return parseVector(t.o.VectorField, cells[t.vector])
	}
	v := make([]float32, len(t.parts))
	for k, i := range t.parts {
		x, err := parseFloat(cells[i])
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", t.head[i], err)
		}
		v[k] = x
	}
	return v, nil
}

func parseVector(column, text string) ([]float32, error) {
	text = strings.Trim(strings.TrimSpace(text), "[]")
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\t' })
	if len(words) == 0 {
		return nil, fmt.Errorf("column %q holds no numbers", column)
	}
	v := make([]float32, len(words))
	for i, w := range words {
		x, err := parseFloat(w)
		if err != nil {
			return nil, fmt.Errorf("column %q, component %d: %w", column, i, err)
		}
		v[i] = x
	}
	return v, nil
}

func parseFloat(s string) (float32, error) {
	x, err := strconv.ParseFloat(strings.TrimSpace(s), 32)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, fmt.Errorf("%q is not a finite number", s)
	}
	return float32(x), nil
}

// cell types a payload cell. A number must be spelled as JSON spells it, so that
// 007 and 1e999 stay the text that they are.
func (t *table) cell(column, s string) any {
	if slices.Contains(t.o.TextColumns, column) {
		return s
	}
	switch s {
	case "true", "false":
		return s == "true"
	}
	if c := s[0]; c != '-' && (c < '0' || c > '9') || !json.Valid([]byte(s)) {
		return s
	}
	if x, err := strconv.ParseFloat(s, 64); err != nil || math.IsInf(x, 0) {
		return s
	}
	return json.Number(s)
}
