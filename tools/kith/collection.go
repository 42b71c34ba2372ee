package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
)

func newCollection() *cobra.Command {
	var r remote
	c := &cobra.Command{
		Use:   "collection",
		Short: "List, show and delete collections",
		Example: `  kith collection list
  kith collection info words -o json
  kith collection delete words`,
	}
	r.declare(c.PersistentFlags())
	c.AddCommand(newCollectionList(&r), newCollectionInfo(&r), newCollectionDelete(&r))
	return c
}

// entry is one line of the list.
type entry struct {
	Name    string `json:"name"`
	Status  string `json:"status"`
	Points  int    `json:"points"`
	Indexed int    `json:"indexed_vectors"`
}

func newCollectionList(r *remote) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List collections with their status and size",
		Args:  exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			kith, err := r.dial()
			if err != nil {
				return err
			}
			entries, err := listEntries(c, kith)
			if err != nil {
				return err
			}
			if r.output == "json" {
				return printJSON(c.OutOrStdout(), entries)
			}
			return printEntries(c, entries)
		},
	}
}

func listEntries(c *cobra.Command, kith *client.Client) ([]entry, error) {
	names, err := kith.Collections(c.Context())
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	entries := make([]entry, 0, len(names))
	for _, name := range names {
		info, err := kith.Collection(c.Context(), name)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{name, info.Status, info.PointsCount, info.IndexedVectorsCount})
	}
	return entries, nil
}

func printEntries(c *cobra.Command, entries []entry) error {
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATUS\tPOINTS\tINDEXED VECTORS")
	for _, e := range entries {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.Name, e.Status, thousands(e.Points), thousands(e.Indexed))
	}
	return w.Flush()
}

func newCollectionInfo(r *remote) *cobra.Command {
	return &cobra.Command{
		Use:   "info NAME",
		Short: "Show a collection's state and configuration",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			kith, err := r.dial()
			if err != nil {
				return err
			}
			info, err := kith.Collection(c.Context(), args[0])
			if err != nil {
				return err
			}
			if r.output == "json" {
				return printJSON(c.OutOrStdout(), info)
			}
			return printInfo(c, args[0], info)
		},
	}
}

func printInfo(c *cobra.Command, name string, info api.CollectionInfo) error {
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "name\t%s\n", name)
	fmt.Fprintf(w, "status\t%s\n", info.Status)
	fmt.Fprintf(w, "optimizer\t%s\n", info.OptimizerStatus)
	fmt.Fprintf(w, "points\t%s\n", thousands(info.PointsCount))
	fmt.Fprintf(w, "indexed vectors\t%s\n", thousands(info.IndexedVectorsCount))
	fmt.Fprintf(w, "shards\t%d\n", info.Config.Params.ShardNumber)
	fmt.Fprintf(w, "vectors\t%s\n", info.Config.Params.Vectors)
	fmt.Fprintf(w, "hnsw\t%s\n", info.Config.HNSWConfig)
	if len(info.Config.Metadata) > 0 {
		fmt.Fprintf(w, "metadata\t%s\n", info.Config.Metadata)
	}
	for _, field := range slices.Sorted(maps.Keys(info.PayloadSchema)) {
		index := info.PayloadSchema[field]
		fmt.Fprintf(w, "index on %s\t%s, %s points\n", field, index.DataType, thousands(index.Points))
	}
	return w.Flush()
}

func newCollectionDelete(r *remote) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a collection and all its points",
		Long:  "Delete a collection and all its points. On a terminal it asks first, unless --yes.",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			kith, err := r.dial()
			if err != nil {
				return err
			}
			if !yes && isTerminal(c.OutOrStdout()) && !confirm(c, args[0]) {
				return fmt.Errorf("not deleted")
			}
			existed, err := kith.DeleteCollection(c.Context(), args[0])
			if err != nil {
				return err
			}
			if !existed {
				return fmt.Errorf("there is no collection %q", args[0])
			}
			if r.output == "json" {
				return printJSON(c.OutOrStdout(), map[string]string{"deleted": args[0]})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "deleted %s\n", args[0])
			return err
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func confirm(c *cobra.Command, name string) bool {
	fmt.Fprintf(c.OutOrStdout(), "Delete collection %q and all its points? Type its name: ", name)
	line, err := bufio.NewReader(c.InOrStdin()).ReadString('\n')
	return err == nil && line == name+"\n"
}

// compactJSON is a flag's value as JSON, or an error that names the flag.
func compactJSON(flag, text string) (json.RawMessage, error) {
	if !json.Valid([]byte(text)) {
		return nil, &usageError{fmt.Errorf("--%s is not JSON: %s", flag, text)}
	}
	return json.RawMessage(text), nil
}
