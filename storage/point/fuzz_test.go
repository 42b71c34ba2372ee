package point

import "testing"

// Whatever the text is, an id that is taken spells itself so that it is read
// back as the same id.
func FuzzID(f *testing.F) {
	for _, text := range []string{"0", "18446744073709551615", "18446744073709551616", "-1", "01", "550e8400-e29b-41d4-a716-446655440000", "550E8400E29B41D4A716446655440000", "urn:uuid:550e8400-e29b-41d4-a716-446655440000", "{550e8400-e29b-41d4-a716-446655440000}", "", "1.0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(id.String()); err != nil || again != id {
			t.Fatalf("%q is %s, which reads as %s (%v)", text, id, again, err)
		}
	})
}
