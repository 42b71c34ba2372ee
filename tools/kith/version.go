package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/index/simd"
)

// Set by the linker: -ldflags "-X main.version=v0.1.0 -X main.commit=abc1234".
var (
	version = "dev"
	commit  = ""
)

// build is which program this is.
type build struct{ Version, Commit string }

// buildVersion is what the linker stamped, or what Go knows of the checkout.
func buildVersion() build {
	b := build{Version: version, Commit: commit}
	info, ok := debug.ReadBuildInfo()
	if !ok || b.Commit != "" {
		return b
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Commit = s.Value
		}
	}
	return b
}

// String is the version and the commit's first twelve digits.
func (b build) String() string {
	if b.Commit == "" {
		return b.Version
	}
	return b.Version + " (" + b.Commit[:min(12, len(b.Commit))] + ")"
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the platform and the kernels in use",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "kith %s %s %s/%s kernels %s\n",
				buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH, simd.Level())
			return err
		},
	}
}
