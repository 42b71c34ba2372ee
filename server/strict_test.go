package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kithdb/kith/server"
)

// limited is a collection with points, indexes and a strict mode.
func limited(t *testing.T, strict string) *running {
	t.Helper()
	r := serve(t, start{server: server.Options{}})
	r.must("PUT", "/collections/c", `{"vectors":{"a":{"size":2,"distance":"Dot"},"flat":{"size":2,"distance":"Dot","hnsw_config":{"m":0}}}}`)
	for field, kind := range map[string]string{"k": `"keyword"`, "i": `"integer"`, "f": `"float"`, "b": `"bool"`} {
		r.must("PUT", "/collections/c/index?wait=true", fmt.Sprintf(`{"field_name":%q,"field_schema":%s}`, field, kind))
	}
	r.must("PUT", "/collections/c/points?wait=true", `{"points":[{"id":1,"vector":{"a":[1,2],"flat":[1,2]},"payload":{"k":"x","i":1}},{"id":2,"vector":{"a":[2,1]},"payload":{"k":"y"}}]}`)
	r.must("PATCH", "/collections/c", `{"strict_mode_config":`+strict+`}`)
	return r
}

// check sends requests, and wants each to be refused with the words, or to
// succeed where there are none.
func (r *running) check(cases [][4]string) {
	r.t.Helper()
	for _, c := range cases {
		method, path, body, says := c[0], c[1], c[2], c[3]
		status, a, _ := r.send(method, "/collections/c"+path, body)
		switch {
		case says == "" && status != 200:
			r.t.Errorf("%s %s %s: %d %s, want it done", method, path, body, status, a.Status)
		case says != "" && (status != 403 || !strings.HasPrefix(a.message(), "Forbidden: ") || !strings.Contains(a.message(), says) || !strings.Contains(a.message(), "Help: ")):
			r.t.Errorf("%s %s %s: %d %q, want 403 and %q", method, path, body, status, a.message(), says)
		}
	}
}

func TestStrictReads(t *testing.T) {
	r := limited(t, `{"enabled":true,"max_query_limit":5,"max_timeout":2,"search_max_hnsw_ef":50,"search_allow_exact":false,"search_max_oversampling":2.5,"search_max_batchsize":2}`)
	r.check([][4]string{
		{"POST", "/points/query", `{"query":[1,2],"using":"a","limit":5}`, ""},
		{"POST", "/points/query", `{"query":[1,2],"using":"a","limit":6}`, `Limit exceeded 6 > 5 for "limit"`},
		{"POST", "/points/query", `{"query":[1,2],"using":"a"}`, `Limit exceeded 10 > 5 for "limit"`},
		{"POST", "/points/search", `{"vector":{"name":"a","vector":[1,2]},"limit":6}`, `Limit exceeded 6 > 5 for "limit"`},
		{"POST", "/points/scroll", `{"limit":5}`, ""},
		{"POST", "/points/scroll", `{}`, `Limit exceeded 10 > 5 for "limit"`},
		{"POST", "/points/scroll?timeout=2", `{"limit":5}`, ""},
		{"POST", "/points/scroll?timeout=3", `{"limit":5}`, `Limit exceeded 3 > 2 for "timeout"`},
		{"POST", "/points/count?timeout=3", `{"exact":false}`, `"timeout"`},
		{"POST", "/points?timeout=3", `{"ids":[1]}`, `"timeout"`},
		{"PUT", "/points?timeout=3", `{"points":[]}`, `"timeout"`},
		{"POST", "/points/query", `{"query":[1,2],"using":"a","limit":1,"params":{"hnsw_ef":50}}`, ""},
		{"POST", "/points/query", `{"query":[1,2],"using":"a","limit":1,"params":{"hnsw_ef":51}}`, `Limit exceeded 51 > 50 for "hnsw_ef"`},
		{"POST", "/points/query", `{"query":[1,2],"using":"a","limit":1,"params":{"exact":true}}`, `Exact search disabled!`},
		{"POST", "/points/query", `{"query":[1,2],"using":"flat","limit":1}`, `hnsw_config.m = 0`},
		{"POST", "/points/count", `{}`, `Exact search disabled!`},
		{"POST", "/points/count", `{"exact":false}`, ""},
		{"POST", "/facet", `{"key":"k","limit":5}`, ""},
		{"POST", "/facet", `{"key":"k","limit":6}`, `Limit exceeded 6 > 5 for "limit"`},
		{"POST", "/facet", `{"key":"k","limit":5,"exact":true}`, `Exact search disabled!`},
		{"POST", "/points/search/matrix/pairs", `{"using":"a","sample":2,"limit":2}`, ""},
		{"POST", "/points/search/matrix/pairs", `{"using":"a","sample":2,"limit":3}`, `Limit exceeded 6 > 5 for "limit"`},
		{"POST", "/points/query/groups", `{"query":[1,2],"using":"a","group_by":"k","limit":2,"group_size":2}`, ""},
		{"POST", "/points/query/groups", `{"query":[1,2],"using":"a","group_by":"k","limit":2,"group_size":3}`, `Limit exceeded 6 > 5 for "limit"`},
		{"POST", "/points/query", `{"query":[1,2],"using":"a","limit":1,"params":{"quantization":{"oversampling":2.5}}}`, ""},
		{"POST", "/points/query", `{"query":[1,2],"using":"a","limit":1,"params":{"quantization":{"oversampling":2.6}}}`, `"oversampling"`},
		{"POST", "/points/query/batch", `{"searches":[{"limit":1},{"limit":1}]}`, ""},
		{"POST", "/points/query/batch", `{"searches":[{"limit":1},{"limit":1},{"limit":1}]}`, `"search batch size"`},
		{"POST", "/points/query/batch", `{"searches":[{"limit":1},{"limit":6}]}`, `"limit"`},
		{"POST", "/points/search/batch", `{"searches":[{"vector":{"name":"a","vector":[1,2]},"limit":6}]}`, `"limit"`},
	})
	r.must("PATCH", "/collections/c", `{"strict_mode_config":{"enabled":false}}`)
	r.check([][4]string{{"POST", "/points/query", `{"query":[1,2],"using":"a","limit":600}`, ""}})
}

func TestStrictFilters(t *testing.T) {
	r := limited(t, `{"enabled":true,"unindexed_filtering_retrieve":false,"unindexed_filtering_update":false,"filter_max_conditions":3,"condition_max_size":2}`)
	must := func(conditions string) string { return `{"filter":{"must":[` + conditions + `]}}` }
	r.check([][4]string{
		{"POST", "/points/scroll", must(`{"key":"k","match":{"value":"x"}}`), ""},
		{"POST", "/points/scroll", must(`{"key":"k","match":{"any":["x","y"]}}`), ""},
		{"POST", "/points/scroll", must(`{"key":"i","match":{"value":1}},{"key":"f","range":{"gt":1}},{"key":"b","match":{"value":true}}`), ""},
		{"POST", "/points/scroll", must(`{"has_id":[1]},{"is_empty":{"key":"k"}}`), ""},
		{"POST", "/points/scroll", must(`{"key":"no","match":{"value":"x"}}`), `Index required but not found for "no" of one of the following types: [keyword]`},
		{"POST", "/points/scroll", must(`{"key":"k","match":{"value":1}}`), `"k" of one of the following types: [integer]`},
		{"POST", "/points/scroll", must(`{"key":"k","range":{"gt":1}}`), `[float, integer]`},
		{"POST", "/points/scroll", must(`{"key":"k","match":{"text":"x"}}`), `[text]`},
		{"POST", "/points/scroll", must(`{"key":"k","geo_radius":{"center":{"lon":1,"lat":1},"radius":5}}`), `[geo]`},
		{"POST", "/points/scroll", must(`{"key":"k","range":{"gt":"2024-01-01"}}`), `[datetime]`},
		{"POST", "/points/scroll", must(`{"is_null":{"key":"no"}}`), `"no"`},
		{"POST", "/points/scroll", must(`{"must":[{"should":[{"key":"no","match":{"value":"x"}}]}]}`), `"no"`},
		{"POST", "/points/scroll", `{"filter":{"must_not":[{"key":"no","match":{"value":"x"}}]}}`, `"no"`},
		{"POST", "/points/scroll", `{"filter":{"min_should":{"conditions":[{"key":"no","match":{"value":"x"}}],"min_count":1}}}`, `"no"`},
		{"POST", "/points/scroll", must(`{"nested":{"key":"n","filter":{"must":[{"key":"k","match":{"value":"x"}}]}}}`), `"n[].k"`},
		{"POST", "/points/count", must(`{"key":"no","match":{"value":"x"}}`), `"no"`},
		{"POST", "/points/query", must(`{"key":"no","match":{"value":"x"}}`), `"no"`},
		{"POST", "/points/delete", must(`{"key":"no","match":{"value":"x"}}`), `"no"`},
		{"POST", "/points/payload", `{"payload":{"a":1},"filter":{"must":[{"key":"no","match":{"value":"x"}}]}}`, `"no"`},
		{"POST", "/points/payload/delete", `{"keys":["a"],"filter":{"must":[{"key":"no","match":{"value":"x"}}]}}`, `"no"`},
		{"POST", "/points/payload/clear", must(`{"key":"no","match":{"value":"x"}}`), `"no"`},
		{"POST", "/points/batch", `{"operations":[{"delete":{"filter":{"must":[{"key":"no","match":{"value":"x"}}]}}}]}`, `"no"`},
		{"POST", "/points/scroll", must(`{"has_id":[1]},{"has_id":[1]},{"has_id":[1]},{"has_id":[1]}`), `Filter condition limit reached (4 > 3)`},
		{"POST", "/points/scroll", must(`{"has_id":[1,2,3]}`), `Condition size limit reached (3 > 2)`},
		{"POST", "/points/scroll", must(`{"key":"k","match":{"any":["x","y","z"]}}`), `Condition size limit reached (3 > 2)`},
		{"POST", "/points/delete", must(`{"key":"k","match":{"value":"nothing"}}`), ""},
	})
}

func TestStrictWrites(t *testing.T) {
	point := func(ids ...int) string {
		var out []string
		for _, id := range ids {
			out = append(out, fmt.Sprintf(`{"id":%d,"vector":{"a":[1,2]},"payload":{"k":"xyz"}}`, id))
		}
		return `{"points":[` + strings.Join(out, ",") + `]}`
	}
	r := limited(t, `{"enabled":true,"upsert_max_batchsize":2,"max_points_count":3,"max_payload_index_count":5}`)
	r.check([][4]string{
		{"PUT", "/points", point(1, 2, 3), `Limit exceeded 3 > 2 for "upsert limit"`},
		{"POST", "/points/batch", `{"operations":[{"upsert":` + point(1, 2, 3) + `}]}`, `"upsert limit"`},
		{"PUT", "/points?wait=true", point(1, 3), ""},
		{"PUT", "/points?wait=true", point(3, 4), `max_points_count`},
		{"PUT", "/points?wait=true", strings.TrimSuffix(point(3, 5), "}") + `,"update_mode":"update_only"}`, ""}, // makes no new ones
		{"PUT", "/points?wait=true", point(1, 2), ""},
		{"POST", "/points/delete?wait=true", `{"points":[1]}`, ""},
		{"PUT", "/points?wait=true", point(3, 4), ""},
		{"PUT", "/index?wait=true", `{"field_name":"k","field_schema":"keyword"}`, ""},
		{"PUT", "/index?wait=true", `{"field_name":"k5","field_schema":"keyword"}`, ""},
		{"PUT", "/index?wait=true", `{"field_name":"k6","field_schema":"keyword"}`, `max_payload_index_count`},
		{"DELETE", "/index/k5?wait=true", ``, ""},
		{"PUT", "/index?wait=true", `{"field_name":"k6","field_schema":"keyword"}`, ""},
	})
	r = limited(t, `{"enabled":true,"max_collection_vector_size_bytes":32}`)
	r.check([][4]string{
		{"PUT", "/points?wait=true", point(3), ""}, // 24 bytes are stored
		{"PUT", "/points?wait=true", point(4), `max_collection_vector_size_bytes`},
		{"POST", "/points/payload?wait=true", `{"payload":{"z":1},"points":[1]}`, ""},
		{"POST", "/points/delete?wait=true", `{"points":[1]}`, ""},
		{"PUT", "/points?wait=true", point(4), ""},
	})
	r = limited(t, `{"enabled":true,"max_collection_payload_size_bytes":30}`)
	r.check([][4]string{
		{"PUT", "/points?wait=true", point(3), ""}, // {"k":"x","i":1} and {"k":"y"} are 24 bytes
		{"PUT", "/points?wait=true", point(4), `max_collection_payload_size_bytes`},
		{"POST", "/points/payload?wait=true", `{"payload":{"z":1},"points":[1]}`, `max_collection_payload_size_bytes`},
		{"POST", "/points/payload/clear?wait=true", `{"points":[1]}`, ""},
		{"POST", "/points/payload?wait=true", `{"payload":{"z":1},"points":[1]}`, ""},
	})
	r = limited(t, `{"enabled":true,"max_resident_memory_percent":100}`)
	r.check([][4]string{{"PUT", "/points?wait=true", point(3), ""}})
}

// The bytes of payload are counted anew after an open.
func TestStrictPayloadSizeAfterRestart(t *testing.T) {
	dir := t.TempDir()
	r := serve(t, start{dir: dir})
	r.must("PUT", "/collections/c", `{"strict_mode_config":{"enabled":true,"max_collection_payload_size_bytes":20}}`)
	r.must("PUT", "/collections/c/points?wait=true", `{"points":[{"id":1,"vector":{},"payload":{"k":"0123456789"}}]}`)
	r.stop()
	r = serve(t, start{dir: dir})
	r.must("PUT", "/collections/c/points?wait=true", `{"points":[{"id":2,"vector":{},"payload":{"k":"0123456789"}}]}`)
	r.check([][4]string{
		{"PUT", "/points?wait=true", `{"points":[{"id":3,"vector":{}}]}`, `Max payload storage size limit of 20 bytes (max_collection_payload_size_bytes) reached: 36 are stored`},
	})
}

func TestStrictRates(t *testing.T) {
	r := limited(t, `{"enabled":true,"read_rate_limit":3,"write_rate_limit":2}`)
	for i, c := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/points/scroll", `{}`, 200},
		{"POST", "/points/query/batch", `{"searches":[{},{}]}`, 200},
		{"POST", "/points/count", `{}`, 429},
		{"GET", "/points/1", ``, 429},
		{"POST", "/points/delete", `{"points":[9]}`, 200},
		{"POST", "/points/batch", `{"operations":[{"delete":{"points":[9]}},{"delete":{"points":[9]}}]}`, 429},
		{"POST", "/points/delete", `{"points":[9]}`, 200},
		{"POST", "/points/delete", `{"points":[9]}`, 429},
	} {
		status, a, header := r.send(c.method, "/collections/c"+c.path, c.body)
		if status != c.want {
			t.Errorf("%d: %s %s: %d %q, want %d", i, c.method, c.path, status, a.message(), c.want)
		}
		if wait := header.Get("Retry-After"); (status == 429) != (wait != "" && wait != "0") {
			t.Errorf("%d: Retry-After is %q with %d", i, wait, status)
		}
	}
	r.must("GET", "/collections/c", "") // of the collection, not of its points
}

func TestStrictModeIsReportedAndChecked(t *testing.T) {
	r := serve(t, start{})
	for body, field := range map[string]string{
		`{"max_query_limit":0}`:                                   "strict_mode_config.max_query_limit",
		`{"max_timeout":0}`:                                       "strict_mode_config.max_timeout",
		`{"read_rate_limit":0}`:                                   "strict_mode_config.read_rate_limit",
		`{"write_rate_limit":0}`:                                  "strict_mode_config.write_rate_limit",
		`{"max_points_count":0}`:                                  "strict_mode_config.max_points_count",
		`{"max_resident_memory_percent":101}`:                     "strict_mode_config.max_resident_memory_percent",
		`{"max_resident_memory_percent":0}`:                       "strict_mode_config.max_resident_memory_percent",
		`{"multivector_config":{"colbert":{"max_vectors":0}}}`:    "strict_mode_config.multivector_config.colbert.max_vectors",
		`{"sparse_config":{"s":{"max_length":0}},"enabled":true}`: "strict_mode_config.sparse_config.s.max_length",
	} {
		if status, a, _ := r.send("PUT", "/collections/c", `{"strict_mode_config":`+body+`}`); status != 422 || !strings.Contains(a.message(), field) {
			t.Errorf("%s: %d %q", body, status, a.message())
		}
	}
	for _, body := range []string{`{"enabled":1}`, `{"max_query_limit":"1"}`, `{"search_max_oversampling":"x"}`, `{"max_query_limit":1.5}`, `{"nonsense":1}`, `[]`, `{"sparse_config":[]}`} {
		if status, a, _ := r.send("PUT", "/collections/c", `{"strict_mode_config":`+body+`}`); status != 400 || !strings.Contains(a.message(), "strict_mode_config") {
			t.Errorf("%s: %d %q", body, status, a.message())
		}
	}
	r.must("PUT", "/collections/c", `{"strict_mode_config":{"enabled":true,"max_query_limit":7,"multivector_config":{"m":{"max_vectors":3}},"sparse_config":{"s":{"max_length":9}}}}`)
	r.must("PATCH", "/collections/c", `{"strict_mode_config":{"max_timeout":4,"max_query_limit":null}}`)
	var info struct {
		Config struct {
			Strict json.RawMessage `json:"strict_mode_config"`
		}
	}
	r.must("GET", "/collections/c", "", &info)
	want := `{"enabled":true,"max_query_limit":7,"max_timeout":4,"multivector_config":{"m":{"max_vectors":3}},"sparse_config":{"s":{"max_length":9}}}`
	if string(info.Config.Strict) != want {
		t.Errorf("%s, want %s", info.Config.Strict, want)
	}
}

func TestQuotas(t *testing.T) {
	dir := t.TempDir()
	r := serve(t, start{dir: dir})
	r.must("PUT", "/collections/c", `{}`)
	var status struct {
		Config map[string]any
		Usage  map[string]int
	}
	r.must("GET", "/quotas", "", &status)
	if len(status.Config) != 1 || status.Config["enabled"] != false {
		t.Errorf("before any: %v", status.Config)
	}
	if status.Usage["disk_usage_percent"] < 1 {
		t.Skipf("the disk is empty: %v", status.Usage)
	}
	for body, want := range map[string]int{
		`{"max_disk_usage_percent":0}`: 422, `{"max_disk_usage_percent":101}`: 422, `{"max_resident_memory_percent":0}`: 422,
		`{"release_margin_percent":101}`: 422, `{"enabled":"yes"}`: 400, `{"enabled":null}`: 400, `{"limit":1}`: 400, ``: 400, `[]`: 400,
	} {
		if got, a, _ := r.send("PUT", "/quotas", body); got != want {
			t.Errorf("%s: %d %q, want %d", body, got, a.message(), want)
		}
	}
	const upsert = `{"points":[{"id":1,"vector":{},"payload":{"a":1}}]}`
	r.must("PUT", "/quotas?wait=true", `{"max_disk_usage_percent":1}`)
	r.must("PUT", "/collections/c/points?wait=true", upsert) // not enabled
	r.must("PUT", "/quotas?wait=true", `{"enabled":true,"max_disk_usage_percent":1,"release_margin_percent":0}`)
	refused := [][4]string{
		{"PUT", "/points?wait=true", upsert, "Disk usage is at"},
		{"POST", "/points/payload?wait=true", `{"payload":{"a":1},"points":[1]}`, "max_disk_usage_percent"},
		{"POST", "/points/scroll", `{}`, ""},
		{"POST", "/points/payload/clear?wait=true", `{"filter":{}}`, ""},
		{"POST", "/points/delete?wait=true", `{"points":[1]}`, ""},
	}
	r.check(refused)
	r.stop()
	r = serve(t, start{dir: dir})
	r.check(refused)
	r.must("PUT", "/quotas", `{"enabled":false}`)
	r.must("PUT", "/collections/c/points?wait=true", upsert)
}
