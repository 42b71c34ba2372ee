// Package source reads points from files and streams: vectors in fbin and fvecs,
// vectors with payload in NDJSON and CSV.
//
// Who calls: kith import and kith bench. It calls client for the point type. It
// reads a row at a time and never holds a file in memory, but for Matrix.
package source

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"strings"

	"github.com/kithdb/kith/client"
)

// Format is how a file is written.
type Format string

// The formats.
const (
	FBin   Format = "fbin"   // uint32 rows, uint32 columns, then float32 rows
	FVecs  Format = "fvecs"  // each row: int32 columns, then float32
	NDJSON Format = "ndjson" // each line an object with id, vector and payload
	CSV    Format = "csv"    // a header, then a point per line
)

// Formats are all of them.
func Formats() []Format { return []Format{FBin, FVecs, NDJSON, CSV} }

// Guess takes the format from a file's name.
func Guess(name string) (Format, error) {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".fbin":
		return FBin, nil
	case ".fvecs":
		return FVecs, nil
	case ".ndjson", ".jsonl":
		return NDJSON, nil
	case ".csv":
		return CSV, nil
	}
	return "", fmt.Errorf("%s: the name does not tell the format: say --format fbin, fvecs, ndjson or csv", name)
}

// Options says how rows become points. The zero value suits the formats' usual
// names.
type Options struct {
	Format      Format
	VectorName  string   // name of the points' vector; "" is the unnamed one
	IDField     string   // "" takes "id"; a row without it takes its number as id
	VectorField string   // "" takes "vector"
	FirstID     uint64   // id of the first row, where ids are row numbers
	TextColumns []string // CSV columns that stay text even where they look like numbers
}

func (o Options) withDefaults() Options {
	if o.IDField == "" {
		o.IDField = "id"
	}
	if o.VectorField == "" {
		o.VectorField = "vector"
	}
	return o
}

// MaxDim is the most components that a vector may have, as the contract has it.
const MaxDim = 1 << 16

// maxLine bounds a line of NDJSON, in bytes.
const maxLine = 64 << 20

// Points reads rows one by one. An error names the row, counted from 1, and ends
// the walk.
func Points(r io.Reader, o Options) iter.Seq2[client.Point, error] {
	o = o.withDefaults()
	var next func() (client.Point, error)
	switch o.Format {
	case FBin:
		next = readFBin(r, o)
	case FVecs:
		next = readFVecs(r, o)
	case NDJSON:
		next = readNDJSON(r, o)
	case CSV:
		next = readCSV(r, o)
	default:
		next = func() (client.Point, error) { return client.Point{}, fmt.Errorf("unknown format %q", o.Format) }
	}
	return func(yield func(client.Point, error) bool) {
		for row := 1; ; row++ {
			p, err := next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(client.Point{}, fmt.Errorf("row %d: %w", row, err))
				return
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// rowIDs numbers rows.
func rowIDs(first uint64) func() client.ID {
	return func() client.ID {
		first++
		return client.Number(first - 1)
	}
}
