package wire

// keys is the set of keys that an object has shown so far. Nearly all objects
// have few, which need no map.
type keys struct {
	few  [8]string
	n    int
	many map[string]bool
}

// again notes a key and reports whether it was there.
func (k *keys) again(key string) bool {
	for i := range k.n {
		if k.few[i] == key {
			return true
		}
	}
	if k.n < len(k.few) {
		k.few[k.n] = key
		k.n++
		return false
	}
	if k.many[key] {
		return true
	}
	if k.many == nil {
		k.many = map[string]bool{}
	}
	k.many[key] = true
	return false
}

// intern is string(b), without memory for the keys that every point has.
func intern(b []byte) string {
	switch string(b) {
	case "id":
		return "id"
	case "vector":
		return "vector"
	case "payload":
		return "payload"
	}
	return string(b)
}
