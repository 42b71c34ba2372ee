package curve

import (
	"errors"
	"path/filepath"
)

// Row compares two runs of one library on one data set at one recall.
type Row struct {
	Lib, Data     string
	Recall        float64
	Before, After float64 // queries per second, NaN where not reached
}

// Ratio is after over before: above 1, the second run is faster.
func (r Row) Ratio() float64 { return r.After / r.Before }

// Compare sets runs of the same library and data beside each other, in the order
// of the first report. The name of the folder counts, not where it lay.
func Compare(before, after *Report) ([]Row, error) {
	var rows []Row
	for _, a := range before.Runs {
		for _, b := range after.Runs {
			if a.Lib != b.Lib || filepath.Base(a.Folder) != filepath.Base(b.Folder) || a.Missing+b.Missing != "" {
				continue
			}
			for _, t := range Targets {
				rows = append(rows, Row{Lib: a.Lib, Data: filepath.Base(a.Folder), Recall: t, Before: a.At(t), After: b.At(t)})
			}
		}
	}
	if len(rows) == 0 {
		return nil, errors.New("the two reports have no library and data set in common")
	}
	return rows, nil
}
