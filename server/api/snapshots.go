package api

// SnapshotDescription is a snapshot in a listing. CreationTime is in UTC,
// without a zone, as the contract has it; Checksum is the file's SHA-256.
type SnapshotDescription struct {
	Name         string  `json:"name"`
	CreationTime *string `json:"creation_time"`
	Size         int64   `json:"size"`
	Checksum     *string `json:"checksum"`
}

// SnapshotRecover asks to recover from Location: the name of a snapshot of the
// same place, a file:// URL within the server's folder of snapshots, or an http
// or https URL. Priority is no_sync, snapshot or replica; on one node they are
// the same.
type SnapshotRecover struct {
	Location string `json:"location"`
	Priority string `json:"priority,omitempty"`
	Checksum string `json:"checksum,omitempty"`
	APIKey   string `json:"api_key,omitempty"`
}

// Accepted is the answer of an operation that goes on after it.
type Accepted struct {
	Status string  `json:"status"` // "accepted"
	Time   float64 `json:"time"`
}
