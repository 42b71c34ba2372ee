// Package api holds the wire types of the HTTP contract that the server answers
// with and the Go client sends and reads.
//
// Who calls: server and client. What it calls: the standard library only. It
// never validates against a collection and never talks to anyone.
package api

import (
	"encoding/json"
	"fmt"
)

// ContractVersion is the contract's version that GET / reports as "version".
const ContractVersion = "1.19.0"

// Response is the envelope of a successful answer. Time is in seconds.
type Response[T any] struct {
	Result T       `json:"result"`
	Status string  `json:"status"` // "ok"
	Time   float64 `json:"time"`
}

// ErrorResponse is the envelope of a failed answer. Time is in seconds.
type ErrorResponse struct {
	Status ErrorStatus `json:"status"`
	Time   float64     `json:"time"`
}

// ErrorStatus carries the message of a failed answer.
type ErrorStatus struct {
	Error string `json:"error"`
}

// Error is a failed answer. Field is the path of the request's field at fault,
// "" when there is none; Message already names it.
type Error struct {
	Status  int // HTTP status, 400 to 599
	Field   string
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("%s (HTTP %d)", e.Message, e.Status) }

// Version is the answer of GET /; it has no envelope.
type Version struct {
	Title       string `json:"title"`
	Version     string `json:"version"` // the contract's
	Commit      string `json:"commit,omitempty"`
	KithVersion string `json:"kith_version"`
}

// UpdateResult says what became of a write. OperationID only grows.
type UpdateResult struct {
	OperationID uint64       `json:"operation_id"`
	Status      UpdateStatus `json:"status"`
}

// UpdateStatus is how far a write has come.
type UpdateStatus string

// The states of a write: acknowledged is durable, completed is visible too.
const (
	Acknowledged UpdateStatus = "acknowledged"
	Completed    UpdateStatus = "completed"
)

// ID is a point's id in its JSON spelling: an unsigned integer or a quoted UUID.
type ID = json.RawMessage
