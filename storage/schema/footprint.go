package schema

// Footprint is about how much memory one stored vector takes, for those who ask
// before they write or build whether there is enough.
type Footprint struct {
	Row   int64 // the vector and the id of its slot; a row mapped from a file counts for nothing
	Index int64 // its links or list entries, and the code that searches go by
}

const (
	// slotBytes is an id and a version beside the row.
	slotBytes = 16
	// nodeBytes says where a node's links are, also of one that has none.
	nodeBytes = 8
	// codeHead is about what a code of fewer than leastWithin dimensions has beside
	// them; most others have it in themselves (simd.Code4Head).
	codeHead, leastWithin = 8, 256
	// sketchBytes is what a graph of rows that are at least sketchedRow bytes long
	// holds beside the code (hnsw.SketchSome).
	sketchBytes, sketchedRow = 104, 16 * 40
	// leastOwn is from how many bytes on a code stands in its node's row, too, with
	// inline_storage, and the rows of higher levels beside.
	leastOwn = 256
)

// Footprint estimates a vector's memory from the settings.
func (c *Collection) Footprint(v *Vector) Footprint {
	out := Footprint{Row: slotBytes}
	if !v.Cold() {
		out.Row += int64(v.RowBytes())
	}
	code := codeBytes(v)
	switch x := v.Index.OrGraph(); x.Type {
	case Flat:
		if x.PCA > 0 {
			out.Index = nodeBytes + code
		}
	case Hashed:
		out.Index = 5 * int64(max(x.Tables, 16)) // about five bytes a table: a slot and its share of a bucket
		if x.PCA > 0 {
			out.Index += code
		}
	case Listed:
		out.Index = code + 4
	default:
		out.Index = c.graphBytes(v) + code
		if v.RowBytes() >= sketchedRow {
			out.Index += sketchBytes
		}
	}
	return out
}

func codeBytes(v *Vector) int64 {
	switch x := v.Index.OrGraph(); {
	case x.PCA > 0 && x.Type == Listed:
		return int64(x.PCA)/2 + codeHead
	case x.PCA > 0:
		return 2*int64(x.PCA) + 4 // float16, and a length
	}
	n := int64(v.Size) / 2
	if v.Size < leastWithin {
		n += codeHead
	}
	return n
}

// graphBytes is the links of a node: lists of level 0 are two thirds full, the
// higher levels together add a sixteenth.
func (c *Collection) graphBytes(v *Vector) int64 {
	h := c.HNSWFor(v)
	m := h.M
	if m == 0 {
		m = h.TreeM()
	}
	if m == 0 {
		return 0
	}
	links := int64(2 * m)
	n := links*4*2/3 + links/4 + nodeBytes
	if h.M > 0 && h.InlineStorage != nil && *h.InlineStorage {
		// A lane is a slot, two bfloat16, and a bit for most dimensions; a row is whole
		// blocks of 32.
		lane := int64(4+4) + min(int64(v.Size)*4/5, 256)/8
		n += (links + 31) / 32 * 32 * lane
		if code := codeBytes(v); code >= leastOwn {
			n += code + 4 + (int64(m)+31)/32*32*lane/int64(max(m-1, 1)) // one node in m has rows on a higher level
		}
	}
	return n
}
