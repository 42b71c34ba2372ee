package main

import (
	"bytes"
	"compress/gzip"
	_ "embed" // for the words
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// wordsFile is GloVe's 20,000 most frequent words; testdata/demo/README.md tells
// its source, licence and format.
//
//go:embed testdata/demo/words-20k.bin.gz
var wordsFile []byte

// lexicon is words with vectors, most frequent first.
type lexicon struct {
	words  []string
	dim    int
	scales []float32
	codes  []int8
}

const (
	wordsMagic  = "KWV1"
	wordsHeader = 16
	wordsMost   = 64 << 20 // bytes after decompression
)

func readLexicon(file []byte) (*lexicon, error) {
	zr, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("demo words: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(zr, wordsMost))
	if err != nil {
		return nil, fmt.Errorf("demo words: %w", err)
	}
	if len(b) < wordsHeader || string(b[:4]) != wordsMagic {
		return nil, errors.New("demo words: not a " + wordsMagic + " file")
	}
	n, dim, text := field(b, 4), field(b, 8), field(b, 12)
	if want := wordsHeader + text + 4*n + n*dim; len(b) != want {
		return nil, fmt.Errorf("demo words: %d bytes, the header says %d", len(b), want)
	}
	l := &lexicon{dim: dim, words: strings.Split(string(b[wordsHeader:wordsHeader+text]), "\n")}
	if len(l.words) != n {
		return nil, fmt.Errorf("demo words: %d words, the header says %d", len(l.words), n)
	}
	b = b[wordsHeader+text:]
	l.scales, l.codes = make([]float32, n), make([]int8, n*dim)
	for i := range l.scales {
		l.scales[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	for i, c := range b[4*n:] {
		l.codes[i] = int8(c)
	}
	return l, nil
}

func field(b []byte, at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }

// vector is the vector of word i.
func (l *lexicon) vector(i int) []float32 {
	v := make([]float32, l.dim)
	for k, c := range l.codes[i*l.dim : (i+1)*l.dim] {
		v[k] = float32(c) * l.scales[i]
	}
	return v
}

// find is the number of a word, which is its rank by frequency from 0.
func (l *lexicon) find(word string) (int, bool) {
	for i, w := range l.words {
		if w == word {
			return i, true
		}
	}
	return 0, false
}
