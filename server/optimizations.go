package server

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/storage/shard"
)

// The optional parts of a report on background work.
var optimizationParts = []string{"queued", "completed", "idle_segments"}

// defaultCompleted is how many ended jobs a report lists.
const defaultCompleted = 16

// optimizations reports the collection's background work. What the contract
// calls a segment is one of our shards.
func (c *call) optimizations() error {
	parts, limit, err := c.optimizationArgs()
	if err != nil {
		return err
	}
	col, err := c.collection()
	if err != nil {
		return err
	}
	work, err := col.Work()
	if err != nil {
		return err
	}
	r := workReport(work)
	out := object{"running": r.running, "summary": object{
		"queued_optimizations": len(r.queued), "queued_segments": r.queuedShards,
		"queued_points": r.queuedPoints, "idle_segments": len(r.idle),
	}}
	for part, list := range map[string][]object{"queued": r.queued, "completed": r.completed(limit), "idle_segments": r.idle} {
		if slices.Contains(parts, part) {
			out[part] = list
		}
	}
	return c.json(out)
}

func (c *call) optimizationArgs() (parts []string, limit int, err error) {
	if text := c.arg("with"); text != "" {
		parts = strings.Split(text, ",")
	}
	for i, part := range parts {
		if parts[i] = strings.TrimSpace(part); !slices.Contains(optimizationParts, parts[i]) {
			return nil, 0, c.badArg("with", fmt.Sprintf("%q is none of %s", part, strings.Join(optimizationParts, ", ")))
		}
	}
	limit = defaultCompleted
	if text := c.arg("completed_limit"); text != "" {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return nil, 0, c.badArg("completed_limit", fmt.Sprintf("%q is not a number, 0 or larger", text))
		}
		limit = int(n)
	}
	return parts, limit, nil
}

// report is background work in the contract's shape.
type report struct {
	running, queued, idle []object
	past                  []pastJob
	queuedShards          int
	queuedPoints          int
}

type pastJob struct {
	ended time.Time
	form  object
}

func workReport(work []cluster.ShardWork) *report {
	r := &report{running: []object{}, queued: []object{}, idle: []object{}}
	for i := range work {
		w := &work[i]
		for _, j := range w.Running {
			r.running = append(r.running, describeJob(w, &j))
		}
		for _, j := range w.Past {
			r.past = append(r.past, pastJob{j.Finished, describeJob(w, &j)})
		}
		for _, j := range w.Queued {
			r.queued = append(r.queued, object{"optimizer": string(j.Kind), "segments": []object{segment(w.Shard, w.Points)}})
			r.queuedPoints += j.Total
		}
		if len(w.Queued) > 0 {
			r.queuedShards++
		}
		if len(w.Running)+len(w.Queued) == 0 {
			r.idle = append(r.idle, segment(w.Shard, w.Points))
		}
	}
	return r
}

// completed lists the jobs that ended last, the newest first.
func (r *report) completed(limit int) []object {
	slices.SortStableFunc(r.past, func(a, b pastJob) int { return b.ended.Compare(a.ended) })
	out := make([]object, min(limit, len(r.past)))
	for i := range out {
		out[i] = r.past[i].form
	}
	return out
}

// segment describes a shard. Its uuid is its number.
func segment[N ~uint32](n N, points int) object {
	return object{"uuid": numbered(0, uint64(n)), "points_count": points}
}

// numbered writes two numbers in the form of a UUID (version 8, of our own
// making): the same thing has the same one each time it is asked for.
func numbered(high uint32, low uint64) string {
	return fmt.Sprintf("%08x-0000-8000-8000-%012x", high, low&(1<<48-1))
}

func describeJob(w *cluster.ShardWork, j *shard.Job) object {
	var status any = "optimizing"
	switch {
	case j.Error != "":
		status = object{"error": j.Error}
	case !j.Finished.IsZero():
		status = "done"
	}
	name := string(j.Kind)
	if j.Target != "" {
		name += " " + j.Target
	}
	progress := object{"name": name, "started_at": j.Started.UTC().Format(time.RFC3339Nano)}
	if !j.Finished.IsZero() {
		progress["finished_at"] = j.Finished.UTC().Format(time.RFC3339Nano)
		progress["duration_sec"] = j.Finished.Sub(j.Started).Seconds()
	}
	if j.Total > 0 {
		progress["done"], progress["total"] = j.Done, j.Total
	}
	return object{
		"uuid": numbered(uint32(w.Shard), j.Number), "optimizer": string(j.Kind), "status": status,
		"segments": []object{segment(w.Shard, cmp.Or(j.Points, w.Points))}, "progress": progress,
	}
}
