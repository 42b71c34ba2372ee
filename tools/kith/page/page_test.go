package page

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kithdb/kith/tools/kith/curve"
)

func report(speed float64) *curve.Report {
	return &curve.Report{Machine: "a machine", When: "today", Runs: []curve.Run{
		{Lib: "kith", Folder: "/data/glove", RawMiB: 10, VectorsMiB: 10, BesideMiB: 3, IndexMiB: 14, Points: []curve.Point{
			{Setting: []byte("20"), Recall: 0.9, QPS: speed}, {Setting: []byte("80"), Recall: 0.99, QPS: speed / 4}}},
		{Lib: "</script><b>x", Folder: "/data/glove", Missing: "cannot be <installed>"},
		{Lib: "other", Folder: "/data/fashion", Points: []curve.Point{{Setting: []byte("[8,2]"), Recall: 1, QPS: 70}}},
	}}
}

func TestAPageHoldsAllOfItself(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, Named{Report: report(1000)}); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	for _, want := range []string{"[0.9,1000]", "[0.99,250]", "<h2>glove</h2>", "<h2>fashion</h2>", "1.30 / 1.40", "cannot be &lt;installed&gt;", `"type":"log"`, "kith at 80"} {
		if !strings.Contains(out, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if m := regexp.MustCompile(`(?:src|href)\s*=\s*["']?https?:`).FindString(out); m != "" {
		t.Errorf("the page loads %q", m)
	}
	if opened, closed := strings.Count(out, "<script>"), strings.Count(out, "</script>"); opened != 3 || closed != 3 {
		t.Errorf("%d scripts begin and %d end: a name ended one", opened, closed)
	}
	if strings.Contains(out, "Compared") {
		t.Error("one report was compared")
	}
}

func TestTwoReportsOnOnePage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "both.html")
	if err := Save(path, Named{"before", report(1000)}, Named{"after", report(3000)}); err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kith, before", "kith, after", "<td>3.00</td>", "[0.9,3000]"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if err := Save(filepath.Join(t.TempDir(), "no", "x.html"), Named{Report: report(1)}); err == nil {
		t.Error("a folder that is not there was written to")
	}
}
