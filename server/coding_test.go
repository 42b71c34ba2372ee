package server

import "testing"

func TestAcceptedCoding(t *testing.T) {
	for header, want := range map[string]string{
		"":                             "",
		"identity":                     "",
		"br":                           "",
		"gzip":                         "gzip",
		"GZIP":                         "gzip",
		"gzip, deflate, br":            "gzip",
		"gzip, deflate, br, zstd":      "zstd",
		"zstd;q=0.5, gzip;q=0.8":       "gzip",
		"gzip;q=0":                     "",
		"gzip ; q = 0 , zstd; q=0.001": "zstd",
		"gzip;q=x":                     "",
		"gzip;q=0, zstd;q=0":           "",
	} {
		if got := accepted(header); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}
