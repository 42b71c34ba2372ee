package server

import "fmt"

// need is what an endpoint asks of the key that a request carries. Each is one
// line of the contract's table of access.
type need uint8

const (
	// anyKey: every valid key; the handler leaves out what the key may not see.
	anyKey need = iota + 1
	// read: to read the path's collection.
	read
	// write: to change points of the path's collection.
	write
	// alter: to change what belongs to the path's collection beside its points,
	// such as payload indexes, vectors by name and snapshots.
	alter
	// export: to read the path's collection as a whole, as a snapshot.
	export
	// readNode: to read what belongs to no collection, or to all.
	readNode
	// manage: everything.
	manage
)

var needNames = map[string]need{
	"anyKey": anyKey, "read": read, "write": write, "alter": alter, "export": export, "readNode": readNode, "manage": manage,
}

func needNamed(name string) need {
	n, ok := needNames[name]
	if !ok {
		panic(fmt.Sprintf("no such need: %q", name)) // a table of ours has a typing error
	}
	return n
}

// writes tells whether the read-only key is refused.
func (n need) writes() bool { return n == write || n == alter || n == manage }
