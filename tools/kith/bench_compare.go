package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/tools/kith/curve"
	"github.com/kithdb/kith/tools/kith/page"
)

func newBenchCompare() *cobra.Command {
	var html string
	c := &cobra.Command{
		Use:   "compare BEFORE.json AFTER.json",
		Short: "Compare two runs at equal recall",
		Long: `Compare two reports of kith bench --json, or of tools/bench/race, at recall 0.90,
0.95 and 0.99: queries per second by interpolation on a logarithmic scale. A ratio
above 1 says that the second run is faster. Runs are matched by library and by the
name of the data set. --html writes a page with the curves of both.`,
		Example: `  kith bench compare before.json after.json
  kith bench compare before.json after.json --html both.html`,
		Args: exactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			before, errBefore := curve.Load(args[0])
			after, errAfter := curve.Load(args[1])
			if err := errors.Join(errBefore, errAfter); err != nil {
				return err
			}
			rows, err := curve.Compare(before, after)
			if err != nil {
				return err
			}
			if err := printRows(c.OutOrStdout(), rows); err != nil || html == "" {
				return err
			}
			return page.Save(html, page.Named{Name: "before", Report: before}, page.Named{Name: "after", Report: after})
		},
	}
	c.Flags().StringVar(&html, "html", "", "`FILE` for a page with the curves of both, which needs no network")
	return c
}

func printRows(w io.Writer, rows []curve.Row) error {
	for _, r := range rows {
		if _, err := fmt.Fprintf(w, "%-14s %-20s recall %.2f  %8.0f/s  %8.0f/s  ratio %.2f\n", r.Lib, r.Data, r.Recall, r.Before, r.After, r.Ratio()); err != nil {
			return err
		}
	}
	return nil
}
