package hdf5

import "fmt"

// The messages of an object's header that are read.
const (
	msgDataspace   = 0x01
	msgLinkInfo    = 0x02
	msgDatatype    = 0x03
	msgLink        = 0x06
	msgLayout      = 0x08
	msgFilters     = 0x0b
	msgAttribute   = 0x0c
	msgContinue    = 0x10
	msgSymbolTable = 0x11
)

// message is one part of an object's header.
type message struct {
	kind int
	body []byte
}

type object []message

// first is the first message of a kind; nil where there is none.
func (o object) first(kind int) []byte {
	for _, m := range o {
		if m.kind == kind {
			return m.body
		}
	}
	return nil
}

// object reads the header at an address, with its continuations.
func (f *File) object(at uint64) (object, error) {
	c, err := f.rest(at, 32)
	if err != nil {
		return nil, err
	}
	h := &header{file: f}
	if len(c.b) >= 4 && string(c.b[:4]) == "OHDR" {
		err = h.second(c, at)
	} else {
		err = h.first(c, at)
	}
	seen := seen{}
	for err == nil && len(h.more) > 0 {
		next := h.more[0]
		h.more = h.more[1:]
		if err = seen.once(next[0]); err == nil {
			err = h.continued(next)
		}
	}
	return h.object, err
}

// header is an object's header being read.
type header struct {
	file    *File
	object  object
	more    [][2]uint64 // addresses and lengths of continuations
	newer   bool        // version 2
	ordered bool        // its messages have a number of creation
}

// first reads version 1.
func (h *header) first(c *cursor, at uint64) error {
	if version := c.number(1); version != 1 && c.err == nil {
		return fmt.Errorf("object header version %d: 1 and 2 are known", version)
	}
	c.skip(1 + 2 + 4)
	size := c.number(4)
	if c.err != nil {
		return c.err
	}
	return h.continued([2]uint64{at + 16, size})
}

// second reads version 2.
func (h *header) second(c *cursor, at uint64) error {
	whole := len(c.b)
	c.skip(4 + 1)
	flags := c.number(1)
	h.newer, h.ordered = true, flags&4 != 0
	if flags&0x20 != 0 {
		c.skip(16) // times
	}
	if flags&0x10 != 0 {
		c.skip(4) // where attributes are kept
	}
	size := c.number(1 << (flags & 3))
	if c.err != nil {
		return c.err
	}
	from := at + uint64(whole-len(c.b))
	b, err := h.file.bytes(from, size)
	if err != nil {
		return err
	}
	return h.messages(&cursor{file: h.file, b: b})
}

func (h *header) continued(at [2]uint64) error {
	b, err := h.file.bytes(at[0], at[1])
	if err != nil {
		return err
	}
	c := &cursor{file: h.file, b: b}
	if h.newer {
		if c.signature("OCHK"); c.err == nil && len(c.b) >= 4 {
			c.b = c.b[:len(c.b)-4] // the checksum
		}
	}
	return h.messages(c)
}

func (h *header) messages(c *cursor) error {
	head := 8
	if h.newer {
		head = 4
		if h.ordered {
			head = 6
		}
	}
	for len(c.b) >= head && c.err == nil {
		var m message
		var size uint64
		if h.newer {
			m.kind, size = int(c.number(1)), c.number(2)
			c.skip(head - 3)
		} else {
			m.kind, size = int(c.number(2)), c.number(2)
			c.skip(4)
		}
		m.body = c.take(int(size))
		if m.kind == msgContinue {
			to := &cursor{file: h.file, b: m.body}
			h.more = append(h.more, [2]uint64{to.address(), to.length()})
			if to.err != nil {
				return to.err
			}
		}
		h.object = append(h.object, m)
	}
	return c.err
}

// seen are the addresses that a walk has been at.
type seen map[uint64]bool

// once keeps a damaged file from leading in circles, or on and on.
func (s seen) once(at uint64) error {
	if s[at] || len(s) == blocks {
		return fmt.Errorf("the file is damaged: its parts lead in a circle, or there are more than %d", blocks)
	}
	s[at] = true
	return nil
}

// group takes up the members and texts of the root group.
func (f *File) group(o object) error {
	for _, m := range o {
		var err error
		switch m.kind {
		case msgSymbolTable:
			c := &cursor{file: f, b: m.body}
			tree, heap := c.address(), c.address()
			if err = c.err; err == nil {
				err = f.symbols(tree, heap)
			}
		case msgLink:
			err = f.link(&cursor{file: f, b: m.body})
		case msgAttribute:
			err = f.attribute(&cursor{file: f, b: m.body})
		}
		if err != nil {
			return err
		}
	}
	if len(f.objects) == 0 && o.first(msgLinkInfo) != nil {
		return fmt.Errorf("its members are in a form that is not known here: rewrite the file with h5repack --low=0 --high=0 IN OUT")
	}
	return nil
}

// link is one member of a group of the newer form.
func (f *File) link(c *cursor) error {
	c.skip(1)
	flags, kind := c.number(1), uint64(0)
	if flags&8 != 0 {
		kind = c.number(1)
	}
	if flags&4 != 0 {
		c.skip(8)
	}
	if flags&16 != 0 {
		c.skip(1)
	}
	name := string(c.take(int(min(c.number(1<<(flags&3)), most))))
	if kind != 0 {
		return c.err // it leads elsewhere
	}
	if at := c.address(); c.err == nil {
		f.objects[name] = at
	}
	return c.err
}

// symbols reads the members of a group of the older form: a tree of nodes of
// entries, whose names are in a heap.
func (f *File) symbols(tree, heap uint64) error {
	head, err := f.rest(heap, uint64(8+2*f.lengths+f.offsets))
	if err != nil {
		return err
	}
	head.signature("HEAP")
	head.skip(4)
	size := head.length()
	head.skip(f.lengths)
	at := head.address()
	if head.err != nil {
		return head.err
	}
	names, err := f.bytes(at, size)
	if err != nil {
		return err
	}
	todo, seen := []uint64{tree}, seen{}
	for len(todo) > 0 {
		if err := seen.once(todo[0]); err != nil {
			return err
		}
		children, err := f.node(todo[0], names)
		if err != nil {
			return err
		}
		todo = append(todo[1:], children...)
	}
	return nil
}

// node reads a node of a group's tree: of entries, or of further nodes.
func (f *File) node(at uint64, names []byte) (children []uint64, err error) {
	c, err := f.rest(at, 1<<16)
	if err != nil {
		return nil, err
	}
	if len(c.b) >= 4 && string(c.b[:4]) == "SNOD" {
		return nil, f.entries(c, names)
	}
	c.signature("TREE")
	c.skip(2)
	n := int(c.number(2))
	c.skip(2 * f.offsets)
	for range n {
		c.skip(f.lengths)
		children = append(children, c.address())
		if c.err != nil {
			return nil, c.err
		}
	}
	return children, c.err
}

func (f *File) entries(c *cursor, names []byte) error {
	c.skip(6)
	n := int(c.number(2))
	for range n {
		name, at := c.address(), c.address()
		c.skip(24)
		if c.err != nil {
			return c.err
		}
		if name >= uint64(len(names)) {
			return errShort
		}
		f.objects[text(names[name:])] = at
	}
	return c.err
}
