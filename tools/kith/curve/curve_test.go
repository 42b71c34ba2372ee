package curve

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var run = Run{Lib: "a", Folder: "d", Points: []Point{
	{Recall: 0.80, QPS: 1000}, {Recall: 0.90, QPS: 400},
	{Recall: 0.85, QPS: 300}, // beaten by the one before
	{Recall: 1.00, QPS: 90, BatchQPS: 100},
}}

func TestFrontierLeavesOutWhatIsBeaten(t *testing.T) {
	f := Frontier(run.Points)
	if len(f) != 3 || f[0].Recall != 0.80 || f[1].Recall != 0.90 || f[2].Recall != 1 {
		t.Fatalf("frontier %+v", f)
	}
}

func TestAtInterpolatesOnALogarithmicScale(t *testing.T) {
	for _, c := range []struct{ recall, want float64 }{
		{0.90, 400}, {0.95, 200}, {1, 100}, // 200 is the geometric mean of 400 and 100, the faster way to ask
		{0.50, 1000}, // better than asked at its fastest
	} {
		if got := run.At(c.recall); math.Abs(got-c.want) > 1e-6*c.want {
			t.Errorf("at %v: %v, want %v", c.recall, got, c.want)
		}
	}
	short := Run{Points: run.Points[:2]}
	if got := short.At(0.95); !math.IsNaN(got) {
		t.Errorf("a recall that was not reached has the speed %v", got)
	}
}

func TestMedian(t *testing.T) {
	if Median([]float64{3, 1, 2}) != 2 || Median([]float64{4, 1, 2, 3}) != 2.5 || !math.IsNaN(Median(nil)) {
		t.Error("the median is not the middle")
	}
}

func TestCompareMatchesRunsByLibraryAndData(t *testing.T) {
	slow := run
	slow.Points = nil
	for _, p := range run.Points {
		p.QPS, p.BatchQPS = p.QPS/2, p.BatchQPS/2
		slow.Points = append(slow.Points, p)
	}
	rows, err := Compare(&Report{Runs: []Run{run}}, &Report{Runs: []Run{slow}})
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, r := range rows {
		if math.Abs(r.Ratio()-0.5) > 1e-9 {
			t.Errorf("at %v the ratio is %v, want 0.5", r.Recall, r.Ratio())
		}
	}
	other := run
	other.Folder = "elsewhere"
	if _, err := Compare(&Report{Runs: []Run{run}}, &Report{Runs: []Run{other}}); err == nil {
		t.Error("runs of different data were compared")
	}
}

func TestLoadRefusesWhatIsNoReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	for text, want := range map[string]string{"{": "not a report", `{"runs":[]}`: "no runs"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	whole := &Report{Runs: []Run{run}}
	for i := range whole.Runs[0].Points {
		whole.Runs[0].Points[i].Setting = []byte("64")
	}
	if err := whole.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := Load(path)
	if err != nil || back.Runs[0].At(0.95) != run.At(0.95) {
		t.Errorf("a saved report reads back as %+v, %v", back, err)
	}
}
