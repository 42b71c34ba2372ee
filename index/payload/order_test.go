package payload

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kithdb/kith/index"
)

// pair is a value and a slot that has it.
type pair struct {
	key  Key
	slot index.Slot
}

// What an index yields in order is its values, sorted by hand.
func TestOrderedIsSorted(t *testing.T) {
	numbers := map[string]Key{
		"-9223372036854775808": IntKey(-1 << 63), "-9007199254740993": IntKey(-9007199254740993), "-9007199254740992": IntKey(-9007199254740992), "-1e300": FloatKey(-1e300),
		"-1.5": FloatKey(-1.5), "-1": IntKey(-1), "-0.1": FloatKey(-0.1), "0": IntKey(0), "0.1": FloatKey(0.1), "1": IntKey(1), "2": IntKey(2), "2.5": FloatKey(2.5),
		"255": IntKey(255), "9007199254740992": IntKey(9007199254740992), "9007199254740993": IntKey(9007199254740993), "9223372036854775807": IntKey(1<<63 - 1), "1e300": FloatKey(1e300),
	}
	var texts []string
	for text := range numbers {
		texts = append(texts, text)
	}
	slices.Sort(texts)
	rapid.Check(t, func(t *rapid.T) {
		s, err := ParseSchema("f", []byte(rapid.SampledFrom([]string{`"integer"`, `"float"`, `{"type":"integer","memory":"cold"}`, `{"type":"float","on_disk":true}`}).Draw(t, "kind")))
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld()
		w.add(s)
		var want []pair
		for slot := range index.Slot(rapid.IntRange(0, 12).Draw(t, "points")) {
			mine := rapid.SliceOfNDistinct(rapid.SampledFrom(texts), 0, 3, rapid.ID[string]).Draw(t, "values")
			list := ""
			for _, text := range mine {
				want = append(want, pair{numbers[text], slot})
				list += text + ","
			}
			w.set(t, slot, fmt.Appendf(nil, `{"f":[%s"x"]}`, list))
		}
		o := Order{Down: rapid.Bool().Draw(t, "down")}
		if rapid.Bool().Draw(t, "has from") {
			from := numbers[rapid.SampledFrom(texts).Draw(t, "from")]
			o.From = &from
			want = slices.DeleteFunc(want, func(p pair) bool { return o.before(p.key, from) })
		}
		slices.SortFunc(want, func(a, b pair) int {
			if o.Down {
				a, b = b, a
			}
			return cmp.Or(a.key.Compare(b.key), cmp.Compare(a.slot, b.slot))
		})
		most := rapid.IntRange(1, 40).Draw(t, "most")
		var got []pair
		ok, err := w.reader().Ordered("f", o, func(k Key, slot index.Slot) bool {
			got = append(got, pair{k, slot})
			return len(got) < most
		})
		if !ok || err != nil {
			t.Fatal("no range index", err)
		}
		if want = want[:min(most, len(want))]; !slices.Equal(got, want) {
			t.Fatalf("%+v:\n got %+v\nwant %+v", o, got, want)
		}
	})
	if ok, err := newWorld().reader().Ordered("f", Order{}, nil); ok || err != nil {
		t.Error("no index, and yet an order")
	}
}
