// Package recall knows which recall a breadth of search gives: curves that were
// measured against exact search, and the recent queries to measure with.
//
// Who calls: storage/shard measures and keeps a curve for each named vector. It
// calls nothing: what a sample found is handed to it. It holds no slots longer
// than a call, and never searches by itself.
package recall

import (
	"errors"
	"fmt"
	"math"
	"time"
)

const (
	// K is how many neighbours a sample is asked for.
	K = 10
	// WideK is how many it is asked for besides.
	WideK = 100
	// most is the widest breadth that is worth a walk.
	most = 4096
)

// Steps are the breadths that are tried for K neighbours, from narrow to wide.
var Steps = [...]int{10, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256, 320, 384, 448, 512, 640, 768, 1024, 1536, 2048}

// WideSteps are those for WideK neighbours: few, since what is between them is
// interpolated.
var WideSteps = [...]int{100, 160, 256, 512, 1024, 2048}

// Curve is recall by breadth, as measured on a sample of queries. It does not
// change once it is made. Its JSON form is on disk (docs/formats.md).
type Curve struct {
	Points  int       `json:"points"`  // of the graph when it was measured
	Samples int       `json:"samples"` // queries
	Live    bool      `json:"live"`    // they were users' queries, not stored vectors
	Index   string    `json:"index"`   // what was measured, in words of the shard
	At      time.Time `json:"at"`
	Steps   []Step    `json:"steps"`      // K neighbours, by rising breadth
	Wide    []Step    `json:"wide_steps"` // WideK neighbours
}

// Step is one breadth and what it gave.
type Step struct {
	Ef     int     `json:"ef"`
	Recall float64 `json:"recall"` // share of the true neighbours found
}

// Check refuses a curve that no measurement gives.
func (c *Curve) Check() error {
	for _, steps := range [][]Step{c.Steps, c.Wide} {
		for i, s := range steps {
			rises := i == 0 || s.Ef > steps[i-1].Ef && s.Recall >= steps[i-1].Recall
			if s.Ef < 1 || !(s.Recall >= 0 && s.Recall <= 1) || !rises {
				return fmt.Errorf("breadth %d with recall %v is no step of a curve", s.Ef, s.Recall)
			}
		}
	}
	if len(c.Steps) == 0 || c.Points < 1 || c.Samples < 1 {
		return errors.New("a curve of nothing")
	}
	return nil
}

// Estimate is the recall at a breadth for K neighbours, 0 to 1.
func (c *Curve) Estimate(ef int) float64 {
	s := c.Steps
	if len(s) == 0 {
		return 0
	}
	for i := range s {
		switch {
		case s[i].Ef == ef || i == 0 && ef < s[i].Ef:
			return s[i].Recall
		case s[i].Ef > ef:
			t := math.Log(float64(ef)/float64(s[i-1].Ef)) / math.Log(float64(s[i].Ef)/float64(s[i-1].Ef))
			return s[i-1].Recall + t*(s[i].Recall-s[i-1].Recall)
		}
	}
	return s[len(s)-1].Recall
}

// Ef is the breadth that gives a recall (above 0, below 1) for k neighbours;
// false where none up to 4096 does, and exact search is the answer.
//
// For up to K neighbours it is read off the curve of K. Between K and WideK it
// is interpolated in the logarithm of k; beyond, it grows as k does.
//
// A curve promises a little less than it measured, since samples err: of the
// misses that the recall allows, nine tenths are allowed on users' queries, and
// eight on stored vectors, which users' queries need not be like.
func (c *Curve) Ef(recall float64, k int) (ef int, ok bool) {
	miss := (1 - recall) * 0.8
	if c.Live {
		miss = (1 - recall) * 0.9
	}
	narrow := breadth(c.Steps, miss, c.Samples*K)
	if k <= K {
		return rounded(narrow, k)
	}
	wide := max(breadth(c.Wide, miss, c.Samples*WideK), WideK)
	if k >= WideK {
		return rounded(wide*float64(k)/WideK, k)
	}
	t := math.Log(float64(k)/K) / math.Log(WideK/K)
	return rounded(narrow*math.Pow(wide/narrow, t), k)
}

// EfAmong is Ef for an index that has grown to so many points since it was
// measured.
func (c *Curve) EfAmong(points int, recall float64, k int) (ef int, ok bool) {
	ef, ok = c.Ef(recall, k)
	if !ok || points <= c.Points || c.Points < 1 {
		return ef, ok
	}
	return rounded(float64(ef)*math.Sqrt(float64(points)/float64(c.Points)), k)
}

func rounded(ef float64, k int) (int, bool) {
	if ef > most {
		return most, false
	}
	return max(int(math.Ceil(ef)), k), true
}

// breadth finds the breadth at which so small a share is missed, by straight
// lines in the logarithms of both. Beyond the last step it follows the last
// line. asked is how many neighbours the sample wanted: none missed of them is
// taken as half a neighbour.
func breadth(steps []Step, miss float64, asked int) float64 {
	if len(steps) == 0 {
		return math.Inf(1)
	}
	least := 0.5 / float64(max(asked, 1))
	x := func(i int) float64 { return math.Log(float64(steps[i].Ef)) }
	y := func(i int) float64 { return math.Log(max(1-steps[i].Recall, least)) }
	want := math.Log(miss)
	if y(0) <= want {
		return float64(steps[0].Ef)
	}
	at := 1
	for at < len(steps) && y(at) > want {
		at++
	}
	if at == len(steps) {
		at--
		if at == 0 || y(at-1)-y(at) < 1e-3 {
			return math.Inf(1)
		}
	}
	t := (y(at-1) - want) / max(y(at-1)-y(at), 1e-9)
	return math.Exp(x(at-1) + t*(x(at)-x(at-1)))
}
