package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
)

// queryFlags are the question of kith query.
type queryFlags struct {
	remote
	vector, id, using, filter string
	limit, offset, ef         int
	exact, withVector         bool
	threshold                 float32
}

func newQuery() *cobra.Command {
	var f queryFlags
	c := &cobra.Command{
		Use:   "query COLLECTION",
		Short: "Find the points nearest to a vector or to a stored point",
		Example: `  kith query words --id 42 --limit 5
  kith query words --vector '[0.1, 0.2, 0.3]' --filter '{"must":[{"key":"length","range":{"lte":4}}]}'
  kith query words --id 42 --exact -o json`,
		Args: exactArgs(1),
	}
	f.declare(c.Flags())
	c.Flags().StringVar(&f.vector, "vector", "", "the vector, a JSON array of `NUMBERS`")
	c.Flags().StringVar(&f.id, "id", "", "`ID` of a stored point whose neighbours to find")
	c.Flags().StringVar(&f.using, "using", "", "`NAME` of the vector to compare; default the unnamed one")
	c.Flags().StringVar(&f.filter, "filter", "", "filter in the contract's `JSON`")
	c.Flags().IntVarP(&f.limit, "limit", "n", 10, "points to find")
	c.Flags().IntVar(&f.offset, "offset", 0, "points to leave out at the front")
	c.Flags().IntVar(&f.ef, "ef", 0, "breadth of the graph search; 0 takes the measured default")
	c.Flags().BoolVar(&f.exact, "exact", false, "compare with every point")
	c.Flags().BoolVar(&f.withVector, "with-vector", false, "show vectors too")
	c.Flags().Float32Var(&f.threshold, "score-threshold", 0, "worst score to show")
	c.RunE = func(c *cobra.Command, args []string) error { return f.run(c, args[0]) }
	return c
}

func (f *queryFlags) run(c *cobra.Command, collection string) error {
	kith, err := f.dial()
	if err != nil {
		return err
	}
	q, err := f.query(c.Flags().Changed("score-threshold"))
	if err != nil {
		return err
	}
	found, err := kith.Query(c.Context(), collection, q)
	if err != nil {
		return err
	}
	if f.output == "json" {
		if found == nil {
			found = []client.Scored{}
		}
		return printJSON(c.OutOrStdout(), found)
	}
	return printFound(c, found, f.withVector)
}

func (f *queryFlags) query(threshold bool) (client.Query, error) {
	q := client.Query{Using: f.using, Limit: f.limit, Offset: f.offset,
		Params: &api.SearchParams{HNSWEf: f.ef, Exact: f.exact},
		Select: client.Select{Payload: true, Vector: f.withVector}}
	switch {
	case f.limit < 1:
		return q, &usageError{fmt.Errorf("--limit is %d: use 1 or more", f.limit)}
	case f.vector != "" && f.id != "":
		return q, &usageError{fmt.Errorf("--vector and --id exclude each other")}
	case f.vector != "":
		if err := json.Unmarshal([]byte(f.vector), &q.Vector); err != nil {
			return q, &usageError{fmt.Errorf("--vector is not a JSON array of numbers: %w", err)}
		}
	case f.id != "":
		id := client.ParseID(f.id)
		q.Point = &id
	default:
		return q, &usageError{fmt.Errorf("say what to look for: --vector '[…]' or --id ID")}
	}
	if f.filter != "" {
		raw, err := compactJSON("filter", f.filter)
		if err != nil {
			return q, err
		}
		q.Filter = &client.Filter{Must: []client.Condition{client.RawCondition(raw)}}
	}
	if threshold {
		q.Threshold = &f.threshold
	}
	return q, nil
}

func printFound(c *cobra.Command, found []client.Scored, vectors bool) error {
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SCORE\tID\tPAYLOAD")
	for i := range found {
		one := &found[i]
		fmt.Fprintf(w, "%.4f\t%s\t%s\n", one.Score, one.ID, one.Payload)
		if vectors {
			text, err := json.Marshal(one.Vectors)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "\t\t%s\n", text)
		}
	}
	return w.Flush()
}
