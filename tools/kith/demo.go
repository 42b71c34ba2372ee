package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
)

func newDemo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Load 20,000 word vectors into a throw-away server and look around",
		Long: `Start a server of its own on a free port and a temporary folder, load GloVe's
20,000 most frequent English words over HTTP, ask for neighbours with and
without filters, compare the answers with exact search, and clean up.`,
		Args: exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error { return runDemo(c) },
	}
}

// demo is a session with a throw-away server.
type demo struct {
	kith  *client.Client
	words *lexicon
	out   io.Writer
	bar   io.Writer
}

const demoCollection = "words"

func runDemo(c *cobra.Command) (err error) {
	words, err := readLexicon(wordsFile)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "kith-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, _, err := loadSettings("", nil, settingFlags())
	if err != nil {
		return err
	}
	s.DataDir, s.HTTPAddr = dir, "127.0.0.1:0"
	log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelError}))
	svc, err := start(c.Context(), s, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.stop(s.StopTimeout)) }()
	kith, err := client.New(svc.addr, client.Options{})
	if err != nil {
		return err
	}
	d := &demo{kith: kith, words: words, out: c.OutOrStdout(), bar: c.ErrOrStderr()}
	fmt.Fprintf(d.out, "A throw-away server on http://%s, its data in %s\n\n", svc.addr, dir)
	return d.run(c.Context())
}

func (d *demo) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{d.load, d.neighbours, d.filtered, d.analogies, d.compare} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	_, err := fmt.Fprint(d.out, "Now your own: kith serve, then kith import FILE --collection NAME --distance Cosine\n")
	return err
}

// load stores each word with what the filters below ask for.
func (d *demo) load(ctx context.Context) error {
	start := time.Now()
	spec := client.Single(d.words.dim, api.Cosine)
	spec.Other.OptimizersConfig = []byte(`{"indexing_threshold": 1000}`) // KiB; by default so few words are scanned
	if err := d.kith.CreateCollection(ctx, demoCollection, spec); err != nil {
		return err
	}
	for field, kind := range map[string]string{"word": "keyword", "first": "keyword", "length": "integer", "rank": "integer"} {
		if err := d.kith.CreateIndex(ctx, demoCollection, field, kind); err != nil {
			return err
		}
	}
	n := len(d.words.words)
	bar := newProgress(d.bar, "load")
	up := d.kith.NewUploader(ctx, client.UploadOptions{Collection: demoCollection, Durability: client.Visible,
		Progress: func(p client.UploadProgress) { bar.set(float64(p.Stored)/float64(n), p.Stored) }})
	for i, word := range d.words.words {
		first, _ := utf8.DecodeRuneInString(word)
		payload := map[string]any{"word": word, "length": utf8.RuneCountInString(word), "first": string(first), "rank": i + 1}
		if up.Add(client.Point{ID: client.Number(uint64(i + 1)), Vectors: client.Unnamed(d.words.vector(i)), Payload: payload}) != nil {
			break // Close tells why
		}
	}
	_, err := up.Close()
	bar.done()
	if err != nil {
		return err
	}
	loaded := time.Since(start)
	if err := d.kith.WaitGreen(ctx, demoCollection, 20*time.Millisecond); err != nil {
		return err
	}
	indexed := time.Since(start)
	info, err := d.kith.Collection(ctx, demoCollection)
	if err != nil {
		return err
	}
	if info.IndexedVectorsCount < n {
		return fmt.Errorf("the collection is green with %d of %d vectors indexed", info.IndexedVectorsCount, n)
	}
	_, err = fmt.Fprintf(d.out, "Loaded %s words of %d dimensions in %.1f s, each durable and searchable when acknowledged;\nall in the graph after %.1f s.\n\n",
		thousands(n), d.words.dim, loaded.Seconds(), indexed.Seconds())
	return err
}

func (d *demo) neighbours(ctx context.Context) error {
	fmt.Fprintln(d.out, "Nearest words")
	for _, word := range []string{"paris", "guitar", "monday", "doctor", "linux", "volcano"} {
		if err := d.show(ctx, word, word, nil); err != nil {
			return err
		}
	}
	return d.blank()
}

func (d *demo) filtered(ctx context.Context) error {
	fmt.Fprintln(d.out, "The same, with filters on the payload")
	asks := []struct {
		word, label string
		filter      client.Filter
	}{
		{"ocean", "ocean, at most 4 letters", client.Filter{Must: []client.Condition{client.Between("length", 1, 4)}}},
		{"ocean", "ocean, first letter c", client.Filter{Must: []client.Condition{client.Match("first", "c")}}},
		{"ocean", "ocean, among the 2,000 most frequent", client.Filter{Must: []client.Condition{client.Between("rank", 1, 2000)}}},
		{"ocean", "ocean, all but 5 letters, a to m", client.Filter{
			Must:    []client.Condition{client.MatchAny("first", strings.Split("abcdefghijklm", "")...)},
			MustNot: []client.Condition{client.Match("length", 5)}}},
	}
	for _, a := range asks {
		if err := d.show(ctx, a.word, a.label, &a.filter); err != nil {
			return err
		}
	}
	return d.blank()
}

// show prints the neighbours of a stored word.
func (d *demo) show(ctx context.Context, word, label string, f *client.Filter) error {
	i, ok := d.words.find(word)
	if !ok {
		return fmt.Errorf("the demo's words lack %q", word)
	}
	id := client.Number(uint64(i + 1))
	found, err := d.kith.Query(ctx, demoCollection, client.Query{Point: &id, Filter: f, Limit: 6,
		Select: client.Select{Include: []string{"word"}}})
	if err != nil {
		return err
	}
	return d.list(label, found)
}

func (d *demo) list(label string, found []client.Scored) error {
	names := make([]string, len(found))
	for i := range found {
		var p struct{ Word string }
		if err := found[i].Decode(&p); err != nil {
			return err
		}
		names[i] = fmt.Sprintf("%s %.2f", p.Word, found[i].Score)
	}
	_, err := fmt.Fprintf(d.out, "  %-38s %s\n", label, strings.Join(names, ", "))
	return err
}

// analogies ask with vectors that no point has.
func (d *demo) analogies(ctx context.Context) error {
	fmt.Fprintln(d.out, "A is to B as C is to …: the words nearest to B − A + C")
	for _, a := range [][3]string{{"man", "king", "woman"}, {"france", "paris", "italy"}, {"walk", "walked", "swim"}} {
		var at [3]int
		for k, word := range a {
			i, ok := d.words.find(word)
			if !ok {
				return fmt.Errorf("the demo's words lack %q", word)
			}
			at[k] = i
		}
		v := d.words.vector(at[1])
		from, to := d.words.vector(at[0]), d.words.vector(at[2])
		for k := range v {
			v[k] += to[k] - from[k]
		}
		not := client.Filter{MustNot: []client.Condition{client.MatchAny("word", a[:]...)}}
		found, err := d.kith.Query(ctx, demoCollection, client.Query{Vector: v, Filter: &not, Limit: 4, Select: client.Select{Include: []string{"word"}}})
		if err != nil {
			return err
		}
		if err := d.list(fmt.Sprintf("%s → %s, %s → ?", a[0], a[1], a[2]), found); err != nil {
			return err
		}
	}
	return d.blank()
}

// compare asks every 40th word twice: by index and exactly.
func (d *demo) compare(ctx context.Context) error {
	const k, step = 10, 40
	var fast, exact time.Duration
	same, asked := 0, 0
	for i := 0; i < len(d.words.words); i += step {
		id := client.Number(uint64(i + 1))
		start := time.Now()
		got, err := d.kith.Query(ctx, demoCollection, client.Query{Point: &id, Limit: k})
		if err != nil {
			return err
		}
		fast += time.Since(start)
		start = time.Now()
		want, err := d.kith.Query(ctx, demoCollection, client.Query{Point: &id, Limit: k, Params: &api.SearchParams{Exact: true}})
		if err != nil {
			return err
		}
		exact += time.Since(start)
		asked++
		same += overlap(got, want)
	}
	recall := float64(same) / float64(k*asked)
	fmt.Fprintf(d.out, "%d words asked over HTTP, one after the other: by index %.2f ms each, exactly %.2f ms each\nThe index found %.1f %% of the true 10 nearest.\n\n",
		asked, ms(fast, asked), ms(exact, asked), 100*recall)
	if recall < 0.95 {
		return fmt.Errorf("recall is %.3f, below 0.95: the index is not well", recall)
	}
	return nil
}

func ms(d time.Duration, n int) float64 { return float64(d.Microseconds()) / 1000 / float64(n) }

func overlap(got, want []client.Scored) int {
	n, in := 0, map[client.ID]bool{}
	for i := range want {
		in[want[i].ID] = true
	}
	for i := range got {
		if in[got[i].ID] {
			n++
		}
	}
	return n
}

func (d *demo) blank() error {
	_, err := fmt.Fprintln(d.out)
	return err
}
