package schema

import (
	"encoding/json"
	"testing"
)

// What older versions stored as they were given it must open.
func TestStrictModeReadsWhatWasStored(t *testing.T) {
	for text, want := range map[string]string{
		`{"enabled":true,"max_query_limit":5,"search_max_oversampling":1.5}`: `{"enabled":true,"max_query_limit":5,"search_max_oversampling":1.5}`,
		`{"enabled":"yes","max_query_limit":5,"unknown":{"a":1}}`:            `{"max_query_limit":5}`,
		`{"max_timeout":-1.5,"enabled":true}`:                                `{"enabled":true}`,
		`{"multivector_config":{"a":{"max_vectors":2}},"read_rate_limit":9}`: `{"read_rate_limit":9,"multivector_config":{"a":{"max_vectors":2}}}`,
		`{}`: `{}`,
	} {
		var c Collection
		if err := json.Unmarshal([]byte(`{"strict_mode":`+text+`}`), &c); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := json.Marshal(c.StrictMode)
		if err != nil || string(got) != want {
			t.Errorf("%s: %s (%v), want %s", text, got, err, want)
		}
	}
}

func TestStrictModeChanges(t *testing.T) {
	yes, no, five, six := true, false, 5, 6
	old := &StrictMode{Enabled: &yes, MaxQueryLimit: &five, Sparse: map[string]StrictSparse{"s": {MaxLength: &five}}}
	got, err := old.With(&StrictMode{Enabled: &no, MaxTimeout: &six})
	if err != nil {
		t.Fatal(err)
	}
	if got.On() || *got.MaxQueryLimit != 5 || *got.MaxTimeout != 6 || len(got.Sparse) != 1 {
		t.Errorf("%+v", got)
	}
	if !old.On() || old.MaxTimeout != nil {
		t.Errorf("the old one has changed: %+v", old)
	}
	if fresh, _ := (*StrictMode)(nil).With(old); !fresh.On() {
		t.Errorf("over none: %+v", fresh)
	}
}
