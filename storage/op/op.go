// Package op holds the operations that the raft log of a replica group carries,
// and their versioned binary form. An operation is deterministic: everything
// random or time-dependent was fixed before it was proposed.
package op

import (
	"errors"

	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// Kind says what an operation does. The numbers are on disk: never renumber.
type Kind uint8

const (
	CreateShard      Kind = iota + 1 // Schema
	DropShard                        // –
	UpdateShard                      // Schema
	Upsert                           // Points, Mode, Filter: each replaces the point whole
	Delete                           // IDs or Filter
	SetPayload                       // Payload, Key; IDs or Filter: merges top-level keys (below Key when given)
	OverwritePayload                 // Payload; IDs or Filter
	DeletePayload                    // Keys; IDs or Filter
	ClearPayload                     // IDs or Filter
	CreateIndex                      // Field, FieldSchema
	DropIndex                        // Field
	UpdateVectors                    // Points without payload, Filter: each point's other vectors stay
	DeleteVectors                    // Vectors; IDs or Filter
)

// Mode says what an Upsert does about points that are there, or are not. The
// numbers are on disk: never renumber.
type Mode uint8

const (
	InsertOrUpdate Mode = iota // points that exist are replaced, others are made
	InsertOnly                 // points that exist stay as they are
	UpdateOnly                 // points that do not exist are not made
)

// Op is one operation on one shard. Kind says which fields are used.
type Op struct {
	Kind   Kind
	Shard  schema.ShardID
	Points []point.Point
	// Mode is an Upsert's.
	Mode Mode
	// IDs or Filter select points; Filter is used when it is not nil. Beside
	// Points it is a condition: of those that exist, only the ones that match it
	// are changed.
	IDs    []point.ID
	Filter []byte // JSON of the contract's Filter, already validated
	// Payload is a JSON object, Key the path below which SetPayload puts it.
	Payload []byte
	Key     string
	Keys    []string // paths to delete
	Vectors []string // names of the vectors to delete
	// Field is a payload path, FieldSchema the JSON of its index's options.
	Field       string
	FieldSchema []byte
	Schema      *schema.Collection
}

// Result is what became of one operation.
type Result struct {
	// Err is nil, or why the operation changed nothing.
	Err error
	// Points is how many points the operation touched.
	Points int
}

var (
	// ErrNoShard: the operation names a shard that is not (or no longer) here.
	ErrNoShard = errors.New("shard does not exist")
	// ErrVersion: the bytes are of a version that this build does not know.
	ErrVersion = errors.New("unknown version of the operation format")
	// ErrCorrupt: the bytes are not an operation list.
	ErrCorrupt = errors.New("corrupt operation")
)

// NotFoundError: a point that the operation names does not exist.
type NotFoundError struct{ ID point.ID }

func (e *NotFoundError) Error() string { return "No point with id " + e.ID.String() + " found" }
