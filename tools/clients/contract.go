package main

import (
	"context"
	_ "embed" // for the script
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

const schemathesis = "schemathesis==4.32.5"

//go:embed contract.py
var pyContract []byte

// contract sends requests generated from the contract's document and checks
// every answer against it. Without a copy of the document there is nothing to
// check, and that is said.
func contract(ctx context.Context, c config) error {
	document, err := filepath.Abs(c.document)
	if err != nil {
		return err
	}
	if _, err := os.Stat(document); err != nil {
		fmt.Fprintf(c.out, "schemathesis: left out: no document at %s\n", document)
		return nil
	}
	interpreter, err := virtual(ctx, c, "schemathesis", schemathesis)
	if err != nil {
		return err
	}
	script := filepath.Join(c.cache, "schemathesis", "contract.py")
	if err := os.WriteFile(script, pyContract, 0o644); err != nil {
		return err
	}
	seed := c.seed
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	return command(ctx, c, interpreter, script, c.url, document, strconv.FormatUint(seed, 10), strconv.Itoa(c.seconds))
}
