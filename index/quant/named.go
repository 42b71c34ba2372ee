package quant

// Named is the code that stands for what the contract names: kind is scalar,
// product, binary or turbo, form the kind's own word (compression, encoding or
// bits), query binary's query_encoding; "" is the contract's default of each.
// What depends on the vectors is left to the caller, and so is the quantile.
func Named(kind, form, query string) (o Options) {
	switch kind {
	case "scalar":
		return Options{Kind: Scalar}
	case "product":
		runs := map[string]int{"x4": 1, "x8": 2, "x16": 4, "x32": 8, "x64": 16}
		return Options{Kind: Runs, Run: max(runs[form], 1)}
	}
	o = Options{Kind: Rotated, Depth: One, Query: 8}
	switch form {
	case "one_and_half_bits", "bits1_5":
		o.Depth = OneAndHalf
	case "two_bits", "bits2":
		o.Depth = Two
	case "bits4":
		o.Depth = Four
	}
	switch {
	case query == "binary":
		o.Query = 1
	case kind == "binary" && query != "scalar8bits":
		o.Query = 4
	}
	return o
}
