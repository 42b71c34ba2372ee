// Package page writes what a similarity benchmark found as one HTML file: the
// curves of recall and queries per second, and tables. The file asks no network
// for anything: the script that draws stands in it.
//
// Who calls: kith bench. It calls go-echarts for the chart, and carries Apache
// ECharts 6.1.0 (dist/echarts.common.min.js of the npm package, gzipped; its
// licence, Apache 2.0, stands at its head).
package page

import (
	"bytes"
	"compress/gzip"
	_ "embed" // for the script and the page
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"github.com/kithdb/kith/tools/kith/curve"
)

//go:embed echarts.common.min.js.gz
var script []byte

//go:embed page.html
var text string

// Named is a report with a name that sets it apart from others on the page; ""
// where it is alone.
type Named struct {
	Name   string
	Report *curve.Report
}

// Save writes the page of one report or several, whole or not at all.
func Save(path string, reports ...Named) error {
	var out bytes.Buffer
	if err := Write(&out, reports...); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(out.Bytes())
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Write writes the page.
func Write(w io.Writer, reports ...Named) error {
	zr, err := gzip.NewReader(bytes.NewReader(script))
	if err != nil {
		return err
	}
	library, err := io.ReadAll(zr)
	if err != nil {
		return err
	}
	page, err := template.New("page").Parse(text)
	if err != nil {
		return err
	}
	view := view{Library: template.JS(library), Reports: reports}
	for _, data := range folders(reports) {
		one, err := section(data, reports)
		if err != nil {
			return err
		}
		view.Sections = append(view.Sections, one)
	}
	if len(reports) == 2 {
		// Reports without a pair have nothing to compare; the curves are there.
		view.Rows, _ = curve.Compare(reports[0].Report, reports[1].Report)
	}
	return page.Execute(w, view)
}

// view is what the page shows.
type view struct {
	Library  template.JS
	Reports  []Named
	Sections []chart
	Rows     []curve.Row
}

// chart is one data set.
type chart struct {
	Data   string
	Option template.JS // the chart's, as JSON
	Runs   []line
}

// line is one run in a table.
type line struct {
	Name string
	curve.Run
}

// At is a speed at a recall as the table writes it.
func (l line) At(recall float64) string { return number("%.0f", l.Run.At(recall)) }

// Over is the memory over the raw vectors by account, and by what a process grew.
func (l line) Over() string {
	account, grown := l.Memory()
	return number("%.2f", account) + " / " + number("%.2f", grown)
}

// Setting is a point's setting as a text.
func (l line) Setting(p curve.Point) string { return string(p.Setting) }

// number is a number as a text, a dash where there is none.
func number(format string, v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	return fmt.Sprintf(format, v)
}

// folders are the names of the data sets, in the reports' order.
func folders(reports []Named) []string {
	var names []string
	for _, n := range reports {
		for _, r := range n.Report.Runs {
			if name := filepath.Base(r.Folder); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// section is the curves of one data set.
func section(data string, reports []Named) (chart, error) {
	out := chart{Data: data}
	c := charts.NewLine()
	c.SetGlobalOptions(
		charts.WithTooltipOpts(opts.Tooltip{Show: opts.Bool(true), Trigger: "item"}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(true), Type: "scroll"}),
		charts.WithXAxisOpts(opts.XAxis{Type: "value", Name: "recall at 10", NameLocation: "middle", NameGap: 30, Scale: opts.Bool(true), Max: 1}),
		charts.WithYAxisOpts(opts.YAxis{Type: "log", Name: "queries a second"}),
	)
	for _, n := range reports {
		for _, r := range n.Report.Runs {
			if filepath.Base(r.Folder) != data {
				continue
			}
			name := r.Lib
			if n.Name != "" {
				name += ", " + n.Name
			}
			out.Runs = append(out.Runs, line{name, r})
			if r.Missing == "" && len(r.Points) > 0 {
				c.AddSeries(name, points(&r), charts.WithLineChartOpts(opts.LineChart{ShowSymbol: opts.Bool(true)}))
			}
		}
	}
	c.Validate()
	option, err := json.Marshal(c.JSON()) // escapes what could end the script
	out.Option = template.JS(option)
	return out, err
}

// points are the frontier of a run, by rising recall.
func points(r *curve.Run) []opts.LineData {
	var out []opts.LineData
	for _, p := range curve.Frontier(r.Points) {
		out = append(out, opts.LineData{Name: fmt.Sprintf("%s at %s", r.Lib, p.Setting), Value: []float64{p.Recall, p.Best()}, Symbol: "circle"})
	}
	return out
}
