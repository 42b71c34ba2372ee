// Package invariant holds assertions that exist only in builds with the tag
// invariants or with the race detector, and cost nothing in others.
//
// Who calls: anything under index/ and storage/. It calls nothing, and never
// checks what comes from outside: wrong input is an error, not a bug.
package invariant
