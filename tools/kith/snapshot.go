package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/storage/archive"
	"github.com/kithdb/kith/tools/kith/bucket"
)

// snapshotFlags are what the commands of snapshots share.
type snapshotFlags struct {
	remote
	collection string
	shard      int
	storage    bucket.Options
}

func newSnapshot() *cobra.Command {
	var f snapshotFlags
	c := &cobra.Command{
		Use:   "snapshot",
		Short: "Make, list, move, verify and restore snapshots",
		Long: `Make, list, move, verify and restore snapshots of a collection (-c), of one of
its shards (-c with --shard), or of the whole node (neither).

Where a FILE is asked for, s3://BUCKET/PATH works as well. The endpoint and the
region come from --s3-endpoint and --s3-region or AWS_ENDPOINT_URL and
AWS_REGION, the keys from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or the
credentials file of the AWS tools.`,
		Example: `  kith snapshot create -c words
  kith snapshot create -c words --to words.snapshot
  kith snapshot create --to s3://backups/kith/monday.snapshot
  kith snapshot verify s3://backups/kith/monday.snapshot
  kith snapshot restore words.snapshot -c words
  kith snapshot restore s3://backups/kith/monday.snapshot --data-dir ./kith-data`,
	}
	f.declare(c.PersistentFlags())
	c.AddCommand(newSnapshotCreate(&f), newSnapshotList(&f), newSnapshotDownload(&f), newSnapshotDelete(&f), newSnapshotRestore(&f), newSnapshotVerify(&f))
	return c
}

func (f *snapshotFlags) declare(flags *pflag.FlagSet) {
	f.remote.declare(flags)
	flags.StringVarP(&f.collection, "collection", "c", "", "the `COLLECTION`; none: the whole node")
	flags.IntVar(&f.shard, "shard", -1, "the `NUMBER` of a shard of the collection, from 0; -1: all of it")
	flags.StringVar(&f.storage.Endpoint, "s3-endpoint", "", "`URL` of S3-compatible storage (also AWS_ENDPOINT_URL)")
	flags.StringVar(&f.storage.Region, "s3-region", "", "its `REGION` (also AWS_REGION)")
}

func (f *snapshotFlags) of() (client.SnapshotsOf, error) {
	switch {
	case f.collection == "" && f.shard >= 0:
		return client.SnapshotsOf{}, &usageError{errors.New("--shard needs --collection")}
	case f.collection == "":
		return client.SnapshotsOf{}, nil
	case f.shard >= 0:
		return client.OfShard(f.collection, f.shard), nil
	}
	return client.OfCollection(f.collection), nil
}

// dialFor is the server and whose snapshots the command is about.
func (f *snapshotFlags) dialFor() (*client.Client, client.SnapshotsOf, error) {
	of, err := f.of()
	if err != nil {
		return nil, of, err
	}
	kith, err := f.dial()
	return kith, of, err
}

// say prints a result as JSON or as a line.
func (f *snapshotFlags) say(c *cobra.Command, result any, format string, args ...any) error {
	if f.output == "json" {
		return printJSON(c.OutOrStdout(), result)
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), format+"\n", args...)
	return err
}

func newSnapshotCreate(f *snapshotFlags) *cobra.Command {
	var to string
	var keep bool
	c := &cobra.Command{
		Use:   "create",
		Short: "Make a snapshot on the server, and fetch it when --to says where",
		Args:  exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			kith, of, err := f.dialFor()
			if err != nil {
				return err
			}
			made, err := kith.CreateSnapshot(c.Context(), of)
			if err != nil {
				return err
			}
			if to == "" {
				return f.say(c, made, "%s  %s bytes", made.Name, thousands(int(made.Size)))
			}
			err = f.fetch(c.Context(), kith, of, made, to)
			if !keep {
				err = errors.Join(err, kith.DeleteSnapshot(c.Context(), of, made.Name))
			}
			if err != nil {
				return err
			}
			return f.say(c, made, "%s  %s bytes", to, thousands(int(made.Size)))
		},
	}
	c.Flags().StringVar(&to, "to", "", "`FILE` or s3://BUCKET/PATH to move the snapshot to")
	c.Flags().BoolVar(&keep, "keep", false, "with --to: leave it on the server as well")
	return c
}

func newSnapshotDownload(f *snapshotFlags) *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:   "download NAME",
		Short: "Fetch a snapshot from the server",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			kith, of, err := f.dialFor()
			if err != nil {
				return err
			}
			list, err := kith.Snapshots(c.Context(), of)
			if err != nil {
				return err
			}
			for _, s := range list {
				if s.Name != args[0] {
					continue
				}
				target := to
				if target == "" {
					target = s.Name
				}
				if err := f.fetch(c.Context(), kith, of, s, target); err != nil {
					return err
				}
				return f.say(c, s, "%s  %s bytes", target, thousands(int(s.Size)))
			}
			return fmt.Errorf("there is no snapshot %q", args[0])
		},
	}
	c.Flags().StringVar(&to, "to", "", "`FILE` or s3://BUCKET/PATH; none: a file of the snapshot's name")
	return c
}

// fetch moves a snapshot from the server to a file or storage, which have all of
// it or nothing.
func (f *snapshotFlags) fetch(ctx context.Context, kith *client.Client, of client.SnapshotsOf, s api.SnapshotDescription, to string) error {
	return f.write(ctx, to, func(w io.Writer) error {
		sum, err := kith.DownloadSnapshot(ctx, of, s.Name, w)
		if err == nil && s.Checksum != nil && *s.Checksum != sum {
			err = fmt.Errorf("%s arrived damaged: its checksum is %s, the server says %s", s.Name, sum, *s.Checksum)
		}
		return err
	})
}

func newSnapshotDelete(f *snapshotFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a snapshot from the server",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			kith, of, err := f.dialFor()
			if err != nil {
				return err
			}
			if err := kith.DeleteSnapshot(c.Context(), of, args[0]); err != nil {
				return err
			}
			return f.say(c, map[string]string{"deleted": args[0]}, "deleted %s", args[0])
		},
	}
}

// listed is one line of the list.
type listed struct {
	Name     string `json:"name"`
	Size     int64  `json:"size"`
	Created  string `json:"created"`
	Checksum string `json:"checksum,omitempty"`
}

func newSnapshotList(f *snapshotFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "list [s3://BUCKET/PREFIX]",
		Short: "List the server's snapshots, or those in storage",
		Args:  atMostArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := f.list(c.Context(), args)
			if err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(c.OutOrStdout(), list)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tCREATED\tBYTES\tSHA-256")
			for _, l := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Name, l.Created, thousands(int(l.Size)), l.Checksum)
			}
			return w.Flush()
		},
	}
}

func (f *snapshotFlags) list(ctx context.Context, args []string) ([]listed, error) {
	out := []listed{}
	if len(args) == 1 {
		at, err := bucket.Parse(args[0])
		if err != nil {
			return nil, &usageError{err}
		}
		s, err := f.open()
		if err != nil {
			return nil, err
		}
		objects, err := s.List(ctx, at)
		for _, o := range objects {
			out = append(out, listed{Name: o.Location.String(), Size: o.Size, Created: o.Modified.UTC().Format("2006-01-02T15:04:05")})
		}
		return out, err
	}
	kith, of, err := f.dialFor()
	if err != nil {
		return nil, err
	}
	list, err := kith.Snapshots(ctx, of)
	for _, s := range list {
		l := listed{Name: s.Name, Size: s.Size}
		if s.CreationTime != nil {
			l.Created = *s.CreationTime
		}
		if s.Checksum != nil {
			l.Checksum = *s.Checksum
		}
		out = append(out, l)
	}
	return out, err
}

func newSnapshotRestore(f *snapshotFlags) *cobra.Command {
	var dataDir, sum string
	var groups int
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Restore a collection into a server, or a whole node into an empty folder",
		Long: `Restore a snapshot.

With -c it goes to the running server, which replaces the collection (or, with
--shard, one shard of it) at one stroke while it goes on serving; a collection
that does not exist is made.

With --data-dir a snapshot of a whole node is restored into a folder that is
empty or missing, and that kith serve is then started on.`,
		Args: exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if (dataDir == "") == (f.collection == "") {
				return &usageError{errors.New("say where to: -c COLLECTION of the server, or --data-dir FOLDER")}
			}
			if err := checkOutput(f.output); err != nil {
				return err
			}
			var err error
			if dataDir != "" {
				err = f.restoreNode(c.Context(), args[0], cluster.Options{Dir: dataDir, Groups: groups, Logger: slog.New(slog.DiscardHandler)})
			} else {
				err = f.restoreCollection(c.Context(), args[0], sum)
			}
			if err != nil {
				return err
			}
			return f.say(c, map[string]string{"restored": args[0]}, "restored %s", args[0])
		},
	}
	c.Flags().StringVar(&dataDir, "data-dir", "", "empty `FOLDER` for the snapshot of a node")
	c.Flags().StringVar(&sum, "checksum", "", "`SHA-256` that the snapshot must have")
	c.Flags().IntVar(&groups, "groups", 1, "with --data-dir: replica groups of the node")
	return c
}

func (f *snapshotFlags) restoreCollection(ctx context.Context, from, sum string) (err error) {
	kith, of, err := f.dialFor()
	if err != nil {
		return err
	}
	r, err := f.read(ctx, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return kith.UploadSnapshot(ctx, of, r, sum)
}

// restoreNode fills an empty data directory.
func (f *snapshotFlags) restoreNode(ctx context.Context, from string, o cluster.Options) (err error) {
	if err := checkEmpty(o.Dir); err != nil {
		return err
	}
	r, err := f.read(ctx, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	n, err := cluster.Open(ctx, o)
	if err != nil {
		return fmt.Errorf("open %s: %w", o.Dir, err)
	}
	defer func() { err = errors.Join(err, n.Close(context.WithoutCancel(ctx))) }()
	return n.RecoverNode(ctx, r)
}

func newSnapshotVerify(f *snapshotFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE",
		Short: "Read a snapshot whole and check every checksum in it",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if err := checkOutput(f.output); err != nil {
				return err
			}
			r, err := f.read(c.Context(), args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, r.Close()) }()
			m, end, err := archive.Verify(r)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			names := make([]string, len(m.Collections))
			for i := range m.Collections {
				names[i] = m.Collections[i].Name
			}
			return f.say(c, map[string]any{"kind": m.Kind, "created": m.Created, "collections": names, "bytes": end.Bytes},
				"%s is whole: a snapshot of a %s of %s, %d collections, %s bytes unpacked", args[0], m.Kind, m.Created, len(names), thousands(int(end.Bytes)))
		},
	}
}
