package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/tools/kith/migrate"
)

// migrateFlags say what to copy from where.
type migrateFlags struct {
	remote
	fromKey     string
	collections []string
	rename      map[string]string
	batch       int
	state       string
	add         bool
	skip        bool
	noVerify    bool
	table       migrate.Table
}

func newMigrate() *cobra.Command {
	var f migrateFlags
	c := &cobra.Command{
		Use:   "migrate SOURCE",
		Short: "Copy collections from Qdrant, another Kith, or PostgreSQL with pgvector",
		Long: `Copy collections into a running Kith (--url). SOURCE is

  http://HOST:6333             a server of the same contract: settings, points,
                               payload indexes and aliases of all collections,
                               or of those named by --collection
  postgres://USER@HOST/DB      one table with vector or halfvec columns
                               (--table): the primary key becomes the id, other
                               columns the payload

The source is only read. After every batch the state goes to a file, so that the
same command goes on where an earlier one was cut off; the file is removed at the
end. Then both sides are read again and every point is compared, and counted.

Point ids are unsigned integers or UUIDs: keys of other types become the UUID of
their text, and stay in the payload.`,
		Example: `  kith migrate http://qdrant.internal:6333
  kith migrate http://old:6333 --collection items --rename items=items_v2
  kith migrate postgres://me@localhost/shop --table products --distance Cosine`,
		Args: exactArgs(1),
	}
	f.declare(c.Flags())
	fl := c.Flags()
	fl.StringVar(&f.fromKey, "from-api-key", "", "`KEY` of the source; better given as KITH_FROM_API_KEY, since other users see flags")
	fl.StringArrayVarP(&f.collections, "collection", "c", nil, "`NAME` of a collection of the source; may be repeated; default all")
	fl.StringToStringVar(&f.rename, "rename", nil, "`OLD=NEW` names on the target")
	fl.IntVar(&f.batch, "batch", 256, "points per request")
	fl.StringVar(&f.state, "state", "kith-migrate.json", "`FILE` that keeps how far it is; empty keeps nothing")
	fl.BoolVar(&f.add, "append", false, "write into collections that the target has already")
	fl.BoolVar(&f.skip, "skip-unsupported", false, "leave sparse and multi-vectors behind instead of refusing")
	fl.BoolVar(&f.noVerify, "no-verify", false, "do not read both sides again and compare")
	fl.StringVar(&f.table.Name, "table", "", "PostgreSQL: `TABLE` to copy, or SCHEMA.TABLE")
	fl.StringVar(&f.table.ID, "id-column", "", "PostgreSQL: unique `COLUMN` for the id; default the primary key")
	fl.StringSliceVar(&f.table.Vectors, "vector-column", nil, "PostgreSQL: vector `COLUMN`; may be repeated; default all")
	fl.StringVar(&f.table.Distance, "distance", "", "PostgreSQL: Cosine, Dot, Euclid or Manhattan; default by the column's index, else Cosine")
	c.RunE = func(c *cobra.Command, args []string) error { return f.run(c, args[0]) }
	return c
}

func (f *migrateFlags) run(c *cobra.Command, from string) (err error) {
	if f.batch < 1 || f.batch > 10_000 {
		return &usageError{errors.New("--batch: use 1 to 10000")}
	}
	target, err := f.dial()
	if err != nil {
		return err
	}
	src, err := f.open(c.Context(), from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close(context.WithoutCancel(c.Context()))) }()
	state, err := migrate.OpenState(f.state, src.Name(), target.Base())
	if err != nil {
		return err
	}
	bar := newProgress(c.ErrOrStderr(), "migrate")
	reports, err := migrate.Run(c.Context(), src, migrate.Options{
		Target: target, Collections: f.collections, Rename: f.rename, Batch: f.batch,
		State: state, Append: f.add, Verify: !f.noVerify,
		Progress: func(p migrate.Progress) {
			bar.label = p.Step + " " + p.Collection
			bar.set(float64(p.Done)/float64(max(p.Total, 1)), p.Done)
		},
	})
	bar.done()
	if printErr := f.report(c, reports); printErr != nil {
		return printErr
	}
	if err != nil {
		if f.state != "" {
			err = fmt.Errorf("%w\nthe same command goes on from here (its state is in %s)", err, f.state)
		}
		return err
	}
	return state.Remove()
}

// open tells the kinds of sources apart by their scheme.
func (f *migrateFlags) open(ctx context.Context, from string) (migrate.Source, error) {
	scheme, _, _ := strings.Cut(from, "://")
	switch scheme {
	case "http", "https":
		key := cmp.Or(f.fromKey, os.Getenv(envPrefix+"FROM_API_KEY"))
		c, err := client.New(from, client.Options{APIKey: key, UserAgent: "kith/" + version})
		if err != nil {
			return nil, &usageError{err}
		}
		return migrate.FromServer(c, f.skip), nil
	case "postgres", "postgresql":
		return migrate.FromPostgres(ctx, from, f.table)
	}
	return nil, &usageError{fmt.Errorf("%q: a source is http://…, https://… or postgres://…", from)}
}

func (f *migrateFlags) report(c *cobra.Command, reports []migrate.Report) error {
	out := c.OutOrStdout()
	if f.output == "json" {
		return printJSON(out, reports)
	}
	for _, r := range reports {
		line := fmt.Sprintf("%s: %s points", r.Collection, thousands(r.Points))
		if r.Verified {
			line += ", verified, checksum " + r.Checksum[:16]
		}
		if len(r.Skipped) > 0 {
			line += fmt.Sprintf(", vectors left behind: %q", r.Skipped)
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}
