package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kithdb/kith/client"
)

// remote says which server a command talks to, and how it prints.
type remote struct {
	url    string
	key    string
	output string
}

const defaultURL = "http://127.0.0.1:6333"

func (r *remote) declare(f *pflag.FlagSet) {
	f.StringVar(&r.url, "url", "", "the server's `URL` (also KITH_URL; default "+defaultURL+")")
	f.StringVar(&r.key, "api-key", "", "`KEY` of the server; better given as KITH_API_KEY, since other users see flags")
	declareOutput(f, &r.output)
}

func declareOutput(f *pflag.FlagSet, output *string) {
	f.StringVarP(output, "output", "o", "text", "text, or json for scripts")
}

func checkOutput(output string) error {
	if output != "text" && output != "json" {
		return &usageError{fmt.Errorf("--output %q: use text or json", output)}
	}
	return nil
}

func (r *remote) dial() (*client.Client, error) {
	if err := checkOutput(r.output); err != nil {
		return nil, err
	}
	url := cmp.Or(r.url, os.Getenv(envPrefix+"URL"), defaultURL)
	key := cmp.Or(r.key, os.Getenv(envPrefix+"API_KEY"))
	c, err := client.New(url, client.Options{APIKey: key, UserAgent: "kith/" + version})
	if err != nil {
		return nil, &usageError{err}
	}
	return c, nil
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// exactArgs is cobra.ExactArgs with an error that counts as a wrong command line.
func exactArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(n)(c, args); err != nil {
			return &usageError{fmt.Errorf("%w: usage: %s", err, c.UseLine())}
		}
		return nil
	}
}
