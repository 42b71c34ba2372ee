package server

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/storage/shard"
)

// metrics is what /metrics shows.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	answers  *prometheus.CounterVec
}

func newMetrics(inFlight chan struct{}) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kith_http_request_seconds", Help: "Time to answer a request, by endpoint.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"endpoint"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kith_http_answers_total", Help: "Answers, by endpoint and HTTP status.",
		}, []string{"endpoint", "status"}),
	}
	m.registry.MustRegister(m.requests, m.answers,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "kith_http_in_flight", Help: "Requests being served."},
			func() float64 { return float64(len(inFlight)) }))
	return m
}

func (m *metrics) observe(r *route, status int, took time.Duration) {
	m.requests.WithLabelValues(r.name).Observe(took.Seconds())
	m.answers.WithLabelValues(r.name, strconv.Itoa(status)).Inc()
}

// nodeCollector reads the node's figures at each scrape.
type nodeCollector struct{ node *cluster.Node }

var (
	descCollections = desc("kith_collections", "Collections.")
	descDiskFree    = desc("kith_disk_free_bytes", "Free space on the data disk.")
	descLimit       = desc("kith_memory_limit_bytes", "Memory that the process may take; 0: no limit.")
	descTaken       = desc("kith_memory_resident_bytes", "Memory of the process that the kernel cannot take back by dropping pages of files.")
	descPoints      = desc("kith_points", "Points, over all collections.")
	descIndexed     = desc("kith_vectors_indexed", "Vectors in a graph, over all collections.")
	descTail        = desc("kith_vectors_tail", "Vectors that wait for a graph and are scanned until then.")
	descDeleted     = desc("kith_vectors_dead", "Dead versions of points whose rows still stand.")
	descResident    = desc("kith_index_resident_bytes", "Memory of vectors and graphs.")
	descSpare       = desc("kith_index_spare_bytes", "Of these, what links leave free; given back once no writes come.")
	descRecall      = desc("kith_recall_estimate", "Measured recall of 10 neighbours at the default breadth of search.", "collection", "vector")
	descMapped      = desc("kith_index_mapped_bytes", "Vectors mapped from files, which the system may evict.")
	descCache       = desc("kith_store_cache_bytes", "Memory of the block cache, which groups share.", "group")
	descDebt        = desc("kith_store_compaction_debt_bytes", "Bytes that compactions have yet to rewrite.", "group")
	descShards      = desc("kith_group_shards", "Shards in a replica group.", "group")
	descApplied     = desc("kith_group_applied_index", "Newest log entry in the group's store.", "group")
	descLogLast     = desc("kith_group_log_index", "Newest entry of the group's log.", "group")
	descFailed      = desc("kith_group_log_failed", "1 when the log could not be synced and takes no more writes.", "group")
	descSyncs       = desc("kith_group_log_sync_seconds", "Time to append entries to the group's log and sync them.", "group")
	descDisk        = desc("kith_store_disk_bytes", "Bytes of the store's files.", "group")
	descMemTable    = desc("kith_store_memtable_bytes", "Memory of the store's memtables.", "group")
	descHits        = desc("kith_store_cache_hits_total", "Block cache hits.", "group")
	descMisses      = desc("kith_store_cache_misses_total", "Block cache misses.", "group")
	descFlushes     = desc("kith_store_flushes_total", "Memtable flushes.", "group")
	descCompactions = desc("kith_store_compactions_total", "Compactions.", "group")
	descReadAmp     = desc("kith_store_read_amplification", "Files and memtables that one read may look into.", "group")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

func syncs(l *cluster.Latency, group string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(l.Buckets))
	for i, n := range l.Buckets {
		buckets[cluster.LatencyBounds[i]] = n
	}
	return prometheus.MustNewConstHistogram(descSyncs, l.Count, l.Seconds, buckets, group)
}

// Describe implements prometheus.Collector; the collector is unchecked, since
// groups come and go.
func (nodeCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (n nodeCollector) Collect(out chan<- prometheus.Metric) {
	s := n.node.Stats()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(descCollections, float64(s.Collections))
	gauge(descDiskFree, float64(s.DiskFree))
	memory := n.node.Memory()
	gauge(descLimit, float64(memory.Limit))
	gauge(descTaken, float64(memory.Resident))
	total := n.total()
	gauge(descPoints, float64(total.Points))
	gauge(descIndexed, float64(total.IndexedVectors))
	gauge(descTail, float64(total.Tail))
	gauge(descDeleted, float64(total.Deleted))
	gauge(descResident, float64(total.ResidentBytes))
	gauge(descSpare, float64(total.SpareBytes))
	gauge(descMapped, float64(total.MappedBytes))
	n.recall(gauge)
	for _, g := range s.Groups {
		id := strconv.Itoa(int(g.ID))
		failed := 0.0
		if g.Failed {
			failed = 1
		}
		gauge(descShards, float64(g.Shards), id)
		gauge(descApplied, float64(g.Applied), id)
		gauge(descLogLast, float64(g.LogLast), id)
		gauge(descFailed, failed, id)
		out <- syncs(&g.Syncs, id)
		gauge(descDisk, float64(g.Store.DiskBytes), id)
		gauge(descMemTable, float64(g.Store.MemTableBytes), id)
		gauge(descCache, float64(g.Store.CacheBytes), id)
		gauge(descDebt, float64(g.Store.CompactionDebt), id)
		counter(descHits, g.Store.CacheHits, id)
		counter(descMisses, g.Store.CacheMisses, id)
		counter(descFlushes, g.Store.Flushes, id)
		counter(descCompactions, g.Store.Compactions, id)
		gauge(descReadAmp, float64(g.Store.ReadAmp), id)
	}
}

// recall shows the measured recall of every vector that has an index.
func (n nodeCollector) recall(gauge func(*prometheus.Desc, float64, ...string)) {
	for _, name := range n.node.Names() {
		col, err := n.node.Collection(name)
		if err != nil {
			continue // deleted meanwhile
		}
		info, err := col.Info()
		if err != nil {
			continue
		}
		for _, r := range info.Status.Recall {
			gauge(descRecall, r.Recall, name, r.Vector)
		}
	}
}

// total sums the figures of all collections. One that goes meanwhile counts for
// nothing.
func (n nodeCollector) total() (out shard.Status) {
	for _, name := range n.node.Names() {
		col, err := n.node.Collection(name)
		if err != nil {
			continue
		}
		info, err := col.Info()
		if err != nil {
			continue
		}
		out.Points += info.Status.Points
		out.IndexedVectors += info.Status.IndexedVectors
		out.Tail += info.Status.Tail
		out.Deleted += info.Status.Deleted
		out.ResidentBytes += info.Status.ResidentBytes
		out.SpareBytes += info.Status.SpareBytes
		out.MappedBytes += info.Status.MappedBytes
	}
	return out
}
