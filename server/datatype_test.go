package server_test

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What the contract's engine (qdrant-edge-py 0.9) stores and scores for these
// vectors and this query, by datatype and distance. Bfloat16 is ours; its numbers
// are numpy's, of values rounded by their bits.
func TestDatatypesAnswerAsTheEngine(t *testing.T) {
	r := serve(t, start{})
	const points = `{"points":[{"id":1,"vector":[1.5,2.5,0.4999,0.9]},{"id":2,"vector":[300,-5,255.9,256]},{"id":3,"vector":[0,0,0,0]},{"id":4,"vector":[10,20,30,40]}]}`
	for _, c := range []struct {
		datatype, distance, stored string
		scores                     map[string]float64
	}{
		{"uint8", "Dot", `[1,2,0,0] [255,0,255,255] [0,0,0,0] [10,20,30,40]`, map[string]float64{"2": 65280, "4": 7700, "1": 5, "3": 0}},
		{"uint8", "Euclid", `[1,2,0,0] [255,0,255,255] [0,0,0,0] [10,20,30,40]`, map[string]float64{"4": 229.41229, "1": 255, "3": 255.0098, "2": 359.92362}},
		{"uint8", "Manhattan", `[1,2,0,0] [255,0,255,255] [0,0,0,0] [10,20,30,40]`, map[string]float64{"1": 255, "3": 258, "4": 292, "2": 511}},
		{"uint8", "Cosine", `[1,2,0,0] [255,0,255,255] [0,0,0,0] [10,20,30,40]`, map[string]float64{"2": 0.5795921, "4": 0.5512813, "1": 0.0087685576, "3": 0}},
		{"float16", "Dot", `[1.5,2.5,0.5,0.89990234] [300,-5,255.875,256] [0,0,0,0] [10,20,30,40]`, map[string]float64{"2": 76237.5625, "4": 8900.986, "1": 154.44873, "3": 0}},
		{"float16", "Euclid", `[1.5,2.5,0.5,0.89990234] [300,-5,255.875,256] [0,0,0,0] [10,20,30,40]`, map[string]float64{"4": 274.26584, "1": 299.5403, "3": 300.03955, "2": 398.22308}},
		{"float16", "Cosine", `[0.48510742,0.80859375,0.1616211,0.29101562] [0.6381836,-0.010635376,0.5444336,0.5444336] [0,0,0,0] [0.18261719,0.36523438,0.54785156,0.73046875]`,
			map[string]float64{"4": 0.5418278, "2": 0.5407143, "1": 0.1664188, "3": 0}},
		{"bfloat16", "Dot", `[1.5,2.5,0.5,0.8984375] [300,-5,256,256] [0,0,0,0] [10,20,30,40]`, map[string]float64{"2": 76275.921875, "4": 8901.09375, "1": 154.46875, "3": 0}},
		{"float32", "Dot", `[1.5,2.5,0.4999,0.9] [300,-5,255.9,256] [0,0,0,0] [10,20,30,40]`, map[string]float64{"2": 76245, "4": 8901, "1": 154.42, "3": 0}},
	} {
		name := c.datatype + c.distance
		r.must("PUT", "/collections/"+name, fmt.Sprintf(`{"vectors":{"size":4,"distance":%q,"datatype":%q}}`, c.distance, c.datatype))
		r.must("PUT", "/collections/"+name+"/points?wait=true", points)
		var info struct {
			Config struct {
				Params struct {
					Vectors struct{ Datatype string }
				}
			}
		}
		if r.must("GET", "/collections/"+name, "", &info); info.Config.Params.Vectors.Datatype != c.datatype {
			t.Errorf("%s: reported as %+v", name, info)
		}
		var page struct {
			Points []struct {
				Vector json.RawMessage
			}
		}
		r.must("POST", "/collections/"+name+"/points/scroll", `{"with_vector":true}`, &page)
		var stored []string
		for _, p := range page.Points {
			stored = append(stored, string(p.Vector))
		}
		if got := strings.Join(stored, " "); got != c.stored {
			t.Errorf("%s: stored %s, want %s", name, got, c.stored)
		}
		var found struct {
			Points []struct {
				ID    json.Number
				Score float64
			}
		}
		r.must("POST", "/collections/"+name+"/points/query", `{"query":[1.7,2.2,300,-4]}`, &found)
		for _, p := range found.Points {
			if want := c.scores[p.ID.String()]; math.Abs(p.Score-want) > 1e-6*math.Abs(want) {
				t.Errorf("%s: point %s scores %v, want %v", name, p.ID, p.Score, want)
			}
		}
		if len(found.Points) != 4 {
			t.Errorf("%s: %d points found", name, len(found.Points))
		}
	}
}

func TestDatatypesRefuse(t *testing.T) {
	r := serve(t, start{})
	for _, d := range []string{"turbo4", "float64", ""} {
		status, a, _ := r.send("PUT", "/collections/no", fmt.Sprintf(`{"vectors":{"v":{"size":4,"distance":"Dot","datatype":%q}}}`, d))
		if status != 400 || !strings.Contains(a.message(), "vectors.v.datatype") {
			t.Errorf("%q: %d %s", d, status, a.Status)
		}
	}
	status, a, _ := r.send("PUT", "/collections/no", `{"vectors":{"size":4,"distance":"Dot","memory":"warm"}}`)
	if status != 400 || !strings.Contains(a.message(), "vectors.memory") {
		t.Errorf("memory warm: %d %s", status, a.Status)
	}
	r.must("PUT", "/collections/h", `{"vectors":{"size":2,"distance":"Dot","datatype":"float16"}}`)
	r.must("PUT", "/collections/b", `{"vectors":{"size":2,"distance":"Dot","datatype":"bfloat16"}}`)
	if status, a, _ = r.send("PUT", "/collections/b/points?wait=true", `{"points":[{"id":1,"vector":[3.4e38,1]}]}`); status != 400 || !strings.Contains(a.message(), "vector[0]") || r.count("b") != 0 {
		t.Errorf("3.4e38 as bfloat16: %d %s", status, a.Status)
	}
	status, a, _ = r.send("PUT", "/collections/h/points?wait=true", `{"points":[{"id":1,"vector":[1,65520]}]}`)
	if status != 400 || !strings.Contains(a.message(), "vector[1]") || r.count("h") != 0 {
		t.Errorf("65520 as float16: %d %s", status, a.Status)
	}
	r.must("PUT", "/collections/h/points?wait=true", `{"points":[{"id":1,"vector":[1,65519]}]}`)
}

// Vectors go to disk and back on a living collection, and are the same after
// each move and after a restart.
func TestOnDiskIsSwitched(t *testing.T) {
	s := start{dir: t.TempDir()}
	r := serve(t, s)
	r.must("PUT", "/collections/d", `{"vectors":{"size":512,"distance":"Euclid","on_disk":true},"optimizers_config":{"indexing_threshold":100}}`)
	const n = 700 // 1.4 MB: beyond what stays on the heap
	var body strings.Builder
	for i := range n {
		if i > 0 {
			body.WriteString(",")
		}
		fmt.Fprintf(&body, `{"id":%d,"vector":[%d%s]}`, i, i, strings.Repeat(",1", 511))
	}
	r.must("PUT", "/collections/d/points?wait=true", `{"points":[`+body.String()+`]}`)
	check := func(r *running, files int) {
		t.Helper()
		var list []string
		for range 500 {
			list, _ = filepath.Glob(filepath.Join(s.dir, "groups", "*", "index", "*", "*.rows"))
			if len(list) == files {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if len(list) != files {
			t.Fatalf("files of rows: %v, want %d", list, files)
		}
		var found hits
		r.must("POST", "/collections/d/points/query", `{"query":[300.2`+strings.Repeat(",1", 511)+`],"limit":3}`, &found)
		if found.ids() != "300 301 299" {
			t.Errorf("found %s", found.ids())
		}
	}
	check(r, 1)
	r.must("PATCH", "/collections/d", `{"vectors":{"":{"memory":"cached"}}}`)
	check(r, 0)
	r.must("PATCH", "/collections/d", `{"vectors":{"":{"memory":"cold"}}}`)
	check(r, 1)
	r.stop()
	r = serve(t, s)
	check(r, 1)
	r.must("DELETE", "/collections/d", "")
	if list, _ := filepath.Glob(filepath.Join(s.dir, "groups", "*", "index", "*", "*.rows")); len(list) != 0 {
		t.Errorf("a dropped collection leaves %v", list)
	}
}
