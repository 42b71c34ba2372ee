package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/kithdb/kith/tools/kith/curve"
)

// TestMain lets this binary be a worker, as kith bench worker and peer.py are.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "worker:") {
		work(strings.TrimPrefix(os.Args[1], "worker:"))
		return
	}
	os.Exit(m.Run())
}

// work answers as a library of known speed: at ef n its recall is 1 − 1/n, and a
// query takes n microseconds, twice as many of the slow one. The disturbed one is the
// fast one, but for its first pass at 20.
func work(kind string) {
	slow := map[string]float64{"fast": 1, "slow": 2, "disturbed": 1}[kind]
	disturbed := kind == "disturbed"
	switch kind {
	case "broken":
		fmt.Fprintln(os.Stderr, "no such wheel")
		os.Exit(1)
	case "refusing":
		fmt.Println(`{"lib":"refusing","missing":"ImportError: x"}`)
		return
	}
	group := map[string]string{"fast": "ours", "slow": "popular"}[kind]
	fmt.Printf(`{"lib":%q,"group":%q,"folder":"/d/tiny","threads":1,"build_cpu_s":%v,"raw_mib":10,"vectors_mib":10,"beside_mib":2,"settings":[5,10,20,40,80,160,320,640]}`+"\n", kind, group, slow)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var c struct {
			Op      string
			Setting float64
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			panic(err)
		}
		switch n := c.Setting; c.Op {
		case "pass":
			slow := slow
			if disturbed && n == 20 {
				slow, disturbed = 10, false
			}
			fmt.Printf(`{"setting":%v,"recall":%v,"cpu_us":%v,"latency_us":[%v,%v,%v]}`+"\n", n, 1-1/n, n*slow, n*slow, n*slow/2, n*slow*3/2)
		case "batch":
			fmt.Printf(`{"setting":%v,"batch_qps":%v}`+"\n", n, 1.25e6/(n*slow)*(slow-1))
		case "memory":
			fmt.Printf(`{"index_mib":%v}`+"\n", 10*slow+3)
		default:
			fmt.Printf(`{"error":"unknown op %s"}`+"\n", c.Op)
		}
	}
}

func started(t *testing.T, kind string) *worker {
	t.Helper()
	w, err := start(t.Context(), os.Args[0], "worker:"+kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.stop)
	if err := w.calibrate(); err != nil {
		t.Fatal(err)
	}
	return w
}

func near(got, want float64) bool { return math.Abs(got-want) < 1e-6*math.Abs(want) }

func TestCalibrateSweepsUntilTheCurveEnds(t *testing.T) {
	w := started(t, "fast")
	if len(w.Points) != 7 { // 1 − 1/320 passes 0.995: the last setting is left out
		t.Errorf("%d points", len(w.Points))
	}
	p := w.Points[1]
	if !near(p.Recall, 0.9) || !near(p.QPS, 1e5) || !near(p.P50us, 10) || !near(p.P99us, 15) || p.BatchQPS != 0 { // the fast one has no loop
		t.Errorf("ours at ef 10: %+v", p)
	}
	if s := started(t, "slow"); !near(s.Points[1].BatchQPS, 62500) || !near(s.Points[1].QPS, 5e4) {
		t.Errorf("theirs at ef 10: %+v", s.Points[1])
	}
}

// A pass that others disturbed is no reason to reckon from settings far apart.
func TestCalibrateSeesThroughADisturbance(t *testing.T) {
	low, high, ok := started(t, "disturbed").Bracket(0.94)
	if !ok || string(low.Setting) != "10" || string(high.Setting) != "20" {
		t.Errorf("0.94 lies between %s and %s: %v", low.Setting, high.Setting, ok)
	}
}

// Each counts with its faster way to ask: 2 microseconds become 1.6.
func TestTurnsGiveTheRatioAtEqualRecall(t *testing.T) {
	ours, theirs := started(t, "fast"), started(t, "slow")
	for _, recall := range curve.Targets {
		r, ok, err := turns(ours, theirs, recall, 3)
		if err != nil || !ok {
			t.Fatalf("at %v: %v, %v", recall, ok, err)
		}
		if len(r.Rounds) != 3 || !near(r.Median, 1.6) || !near(r.CPU, 2) || r.Peer != "slow" || r.Group != "popular" {
			t.Errorf("at %v: %+v", recall, r)
		}
	}
	if _, ok, err := turns(ours, theirs, 0.9999, 1); ok || err != nil {
		t.Errorf("a recall that nobody reaches: %v, %v", ok, err)
	}
}

func TestWhoCannotBeMeasuredIsNamed(t *testing.T) {
	for kind, want := range map[string]string{"broken": "no such wheel", "refusing": "ImportError: x"} {
		if _, err := start(context.Background(), os.Args[0], "worker:"+kind); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", kind, err, want)
		}
	}
	w := started(t, "fast")
	if err := w.ask(command{Op: "sing"}, &struct{}{}); err == nil || !strings.Contains(err.Error(), "unknown op") {
		t.Errorf("a refusal: %v", err)
	}
	var b bytes.Buffer
	printPeer(&b, &w.Run, &curve.Run{Lib: "lost", Missing: "no wheel"}, nil)
	if !strings.Contains(b.String(), "missing: no wheel") {
		t.Errorf("the table says %q", b.String())
	}
}

func TestTheTableTellsMemoryOverTheRawVectors(t *testing.T) {
	ours, theirs := started(t, "fast"), started(t, "slow")
	r, _, err := turns(ours, theirs, 0.95, 1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	printOurs(&b, &ours.Run)
	printPeer(&b, &ours.Run, &theirs.Run, []curve.Ratio{r})
	printSummary(&b, []curve.Ratio{r})
	// 12 and 13 MiB of ours, 23 of theirs, over 10 of raw vectors.
	for _, want := range []string{"1.20 by account, 1.30 by what", "memory 1.30 / 2.30", "= 1.60× (1.60–1.60, processor 2.00×)", "0.90 not reached", "build 0.50", "at 0.95: 1.60× (slow)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
