package server

import (
	"cmp"
	"fmt"
	"math"
	"strconv"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// asked is what one read asks for, as strict mode looks at it.
type asked struct {
	limit        int // 0: the request has none
	filter       *filter.Filter
	exact        bool
	ef           int
	oversampling float64
	groupBy      string  // field that the answer is grouped by
	vector       *string // name of the vector that is searched; nil: none is
}

// ask is a query as strict mode looks at it.
func ask(r *query.Request) asked {
	a := asked{limit: r.Limit, filter: r.Filter, exact: r.Exact, ef: r.Ef, oversampling: r.Oversampling}
	if r.Vector != nil || r.PointID != nil {
		a.vector = &r.Using
	}
	return a
}

// strict holds one request against its collection's strict mode.
type strict struct {
	c       *call
	col     *cluster.Collection
	m       *schema.StrictMode
	indexes []fieldIndex // read once they are needed
	known   bool
}

func (c *call) strict(col *cluster.Collection) (*strict, bool) {
	m := col.Schema().StrictMode
	return &strict{c: c, col: col, m: m}, m.On()
}

// strictly says how a request breaks strict mode, and what helps.
func strictly(help, format string, args ...any) error {
	return forbidden("%s. Help: %s", fmt.Sprintf(format, args...), help)
}

// strictRead refuses reads that the collection's strict mode does not allow.
func (c *call) strictRead(col *cluster.Collection, reads ...asked) error {
	k, on := c.strict(col)
	if !on {
		return nil
	}
	if c.batched {
		if err := atMost(len(reads), k.m.SearchMaxBatchsize, "search batch size"); err != nil {
			return err
		}
	}
	for i := range reads {
		if err := k.read(&reads[i]); err != nil {
			return err
		}
	}
	return c.s.rates.take(col.Name(), reading, k.m.ReadRateLimit, max(len(reads), 1))
}

// atMost refuses what is above a limit; a nil limit is none.
func atMost[T cmp.Ordered](value T, limit *T, name string) error {
	if limit == nil || value <= *limit {
		return nil
	}
	return strictly(fmt.Sprintf("Reduce the %q parameter to or below %v.", name, *limit), "Limit exceeded %v > %v for %q", value, *limit, name)
}

// strictTimeout refuses a request for more time than the collection's strict
// mode gives. It is asked for every endpoint of a collection.
func (c *call) strictTimeout() error {
	seconds, err := strconv.Atoi(c.arg("timeout"))
	if err != nil {
		return nil // none is asked for: the server's own holds
	}
	col, err := c.collection()
	if err != nil {
		return nil // the handler says so
	}
	if k, on := c.strict(col); on {
		return atMost(seconds, k.m.MaxTimeout, "timeout")
	}
	return nil
}

func (k *strict) read(a *asked) error {
	if err := atMost(a.limit, k.m.MaxQueryLimit, "limit"); err != nil {
		return err
	}
	if err := k.filter(a.filter, k.m.UnindexedFilteringRetrieve); err != nil {
		return err
	}
	if err := k.group(a.groupBy); err != nil {
		return err
	}
	if a.exact && forbids(k.m.SearchAllowExact) {
		return strictly("Set exact=false.", "Exact search disabled!")
	}
	if err := atMost(a.oversampling, k.m.SearchMaxOversampling, "oversampling"); err != nil {
		return err
	}
	if err := atMost(a.ef, k.m.SearchMaxHNSWEf, "hnsw_ef"); err != nil {
		return err
	}
	return k.fullScan(a)
}

// times is the product of two positive numbers, or the largest number when it
// does not fit.
func times(a, b int) int {
	if b > 0 && a > math.MaxInt/b {
		return math.MaxInt
	}
	return a * b
}

func forbids(flag *bool) bool { return flag != nil && !*flag }

// fullScan refuses a search that no graph helps, where exact search is refused.
func (k *strict) fullScan(a *asked) error {
	if a.vector == nil || !forbids(k.m.SearchAllowExact) {
		return nil
	}
	s := k.col.Schema()
	v, ok := s.Vector(*a.vector)
	if !ok {
		return nil // refused elsewhere, by its name
	}
	h := s.HNSWFor(v)
	if v.Index.Whole(h) {
		return nil
	}
	tenant, err := k.byTenant(a.filter)
	if err != nil || tenant && h.PayloadM != nil && *h.PayloadM > 0 {
		return err
	}
	return strictly("Use a tenant-specific filter, enable global vector indexing or allow exact search in strict mode (search_allow_exact).",
		"Request is forbidden on %q because global vector indexing is disabled (hnsw_config.m = 0)", v.Name)
}

// strictWrite refuses writes that the collection's strict mode does not allow.
func (c *call) strictWrite(col *cluster.Collection, ops []op.Op) error {
	k, on := c.strict(col)
	if !on {
		return nil
	}
	for i := range ops {
		if err := k.write(&ops[i]); err != nil {
			return err
		}
	}
	if cluster.Consumes(ops) {
		if err := k.memory(); err != nil {
			return err
		}
	}
	return c.s.rates.take(col.Name(), writing, k.m.WriteRateLimit, len(ops))
}

func (k *strict) write(o *op.Op) error {
	if o.Filter != nil {
		f, err := filter.Parse(o.Filter)
		if err != nil {
			return err
		}
		if err := k.filter(f, k.m.UnindexedFilteringUpdate); err != nil {
			return err
		}
	}
	if o.Points != nil { // whole ones, or vectors of some
		if err := atMost(len(o.Points), k.m.UpsertMaxBatchsize, "upsert limit"); err != nil {
			return err
		}
		return k.room(o.Points, o.Mode == op.UpdateOnly || o.Kind == op.UpdateVectors)
	}
	switch o.Kind {
	case op.SetPayload, op.OverwritePayload:
		return k.room(nil, true)
	case op.CreateIndex:
		return k.oneMoreIndex(o.Field)
	}
	return nil
}

// room refuses a write once the collection is as large as it may be. points are
// those that the write stores; known, that it makes no new ones.
func (k *strict) room(points []point.Point, known bool) error {
	m := k.m
	if m.MaxCollectionVectorSizeBytes == nil && m.MaxCollectionPayloadSizeBytes == nil && m.MaxPointsCount == nil {
		return nil
	}
	have, err := k.col.Sizes(m.MaxCollectionPayloadSizeBytes != nil)
	if err != nil {
		return err
	}
	const help = "Delete points, or raise the limit in the collection's strict mode."
	if limit := m.MaxCollectionVectorSizeBytes; limit != nil && points != nil && have.VectorBytes >= int64(*limit) {
		return strictly(help, "Max vector storage size limit of %d bytes (max_collection_vector_size_bytes) reached: %d are stored", *limit, have.VectorBytes)
	}
	if limit := m.MaxCollectionPayloadSizeBytes; limit != nil && have.PayloadBytes >= int64(*limit) {
		return strictly(help, "Max payload storage size limit of %d bytes (max_collection_payload_size_bytes) reached: %d are stored", *limit, have.PayloadBytes)
	}
	limit := m.MaxPointsCount
	if limit == nil || known || have.Points+len(points) <= *limit {
		return nil
	}
	fresh, err := k.fresh(points)
	if err != nil || have.Points+fresh <= *limit || fresh == 0 {
		return err
	}
	return strictly(help, "Max points count limit of %d (max_points_count) reached: %d are stored and the write has %d new ones", *limit, have.Points, fresh)
}

// fresh counts the points that the collection does not have yet.
func (k *strict) fresh(points []point.Point) (int, error) {
	ids := make([]point.ID, len(points))
	seen := make(map[point.ID]struct{}, len(points))
	for i := range points {
		ids[i] = points[i].ID
		seen[points[i].ID] = struct{}{}
	}
	shards, err := k.col.Shards(k.c.ctx, false)
	if err != nil {
		return 0, err
	}
	there, err := query.Retrieve(k.c.ctx, shards, ids, point.Selector{})
	return len(seen) - len(there), err
}

func (k *strict) oneMoreIndex(field string) error {
	limit := k.m.MaxPayloadIndexCount
	if limit == nil {
		return nil
	}
	have, err := k.fields()
	if err != nil {
		return err
	}
	for _, ix := range have {
		if ix.field == field {
			return nil
		}
	}
	if len(have) < *limit {
		return nil
	}
	return strictly("Delete a payload index, or raise the limit in the collection's strict mode.",
		"Collection already has the maximum number of payload indices (%d) (max_payload_index_count)", *limit)
}

// memory refuses a write that needs memory once the node has less than the
// collection wants to see free.
func (k *strict) memory() error {
	limit := k.m.MaxResidentMemoryPercent
	if limit == nil {
		return nil
	}
	used, ok := k.c.s.node.Usage().MemoryPercent()
	if !ok || used < *limit {
		return nil // a limit that cannot be measured must not become a limit of zero
	}
	return strictly("Reduce memory usage (delete points or collections), or raise max_resident_memory_percent in the collection's strict mode.",
		"Resident memory usage is at %d%% of total memory, exceeding the configured limit of %d%%", used, *limit)
}
