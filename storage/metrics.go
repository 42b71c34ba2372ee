package storage

// Metrics is what a store uses and does. Counters run from the open.
type Metrics struct {
	DiskBytes      int64 // files, obsolete ones included
	MemTableBytes  int64 // memory of the memtables
	CacheBytes     int64 // memory of the block cache, which may be shared
	CacheHits      int64
	CacheMisses    int64
	CompactionDebt int64 // bytes that compactions have yet to rewrite, an estimate
	Compactions    int64
	Flushes        int64
	ReadAmp        int   // files and memtables that one read may look into
	Tables         int64 // table files
}

// Metrics reads the store's figures; cheap enough for every scrape.
func (s *Store) Metrics() Metrics {
	m := s.db.Metrics()
	return Metrics{
		DiskBytes:      int64(m.DiskSpaceUsage()),
		MemTableBytes:  int64(m.MemTable.Size),
		CacheBytes:     m.BlockCache.Size,
		CacheHits:      m.BlockCache.Hits,
		CacheMisses:    m.BlockCache.Misses,
		CompactionDebt: int64(m.Compact.EstimatedDebt),
		Compactions:    m.Compact.Count,
		Flushes:        m.Flush.Count,
		ReadAmp:        m.ReadAmp(),
		Tables:         m.Total().TablesCount,
	}
}
