package shard

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/kithdb/kith/index"
)

// JobKind names a kind of background work.
type JobKind string

// The kinds of background work on a shard.
const (
	Indexing   JobKind = "indexing"       // the tail moves into the graph
	Reindexing JobKind = "reindexing"     // a graph of new settings is built beside the one that serves
	Planting   JobKind = "tenants"        // graphs of single tenants grow
	Training   JobKind = "training"       // an index learns from the vectors before it takes them
	Inlining   JobKind = "inline_storage" // codes are laid beside the graph's links
	Repairing  JobKind = "repair"         // the graph is linked anew around dead nodes
	Tuning     JobKind = "tuning"         // the default ef is measured
	Saving     JobKind = "checkpoint"     // the graph is saved
	Packing    JobKind = "pack"           // the graph's links leave what room they have to spare
	Sweeping   JobKind = "sweep"          // rows of dead slots go
	Reclaiming JobKind = "reclaim"        // the disk space of swept rows comes back
	Imaging    JobKind = "vector_image"   // the rows of a vector are written to one file
	Sealing    JobKind = "vector_seal"    // the rows of a vector on disk are made durable, for the next start
	Checking   JobKind = "vector_check"   // rows on disk are compared with their checksums
	// Backfilling: stored points go into a new payload index, the job's target.
	Backfilling JobKind = "payload_index"
	// Loading: a payload index's values come into memory, or are packed anew there.
	Loading JobKind = "payload_index_load"
)

// Job is one piece of background work. While it runs, Finished is zero.
type Job struct {
	Number            uint64 // within the shard since its open, from 1
	Kind              JobKind
	Target            string // name of the vector, "" when it is the unnamed one or none
	Points            int    // of the shard when the job began
	Done, Total       int    // slots; Total 0: not counted
	Started, Finished time.Time
	Error             string // why it failed
}

// pastJobs is how many ended jobs a shard remembers.
const pastJobs = 32

// jobs is a shard's background work, under way and past. The clock is for people
// who ask: nothing depends on it.
type jobs struct {
	mu      sync.Mutex
	last    uint64
	ended   uint64
	running []*Job
	past    []Job // the oldest first
}

// resume is the running job of a kind and target, or a new one.
func (s *Shard) resume(kind JobKind, target string) *Job {
	points := s.current.Load().live.Len()
	s.jobs.mu.Lock()
	defer s.jobs.mu.Unlock()
	for _, j := range s.jobs.running {
		if j.Kind == kind && j.Target == target {
			return j
		}
	}
	s.jobs.last++
	j := &Job{Number: s.jobs.last, Kind: kind, Target: target, Points: points, Started: time.Now()}
	s.jobs.running = append(s.jobs.running, j)
	return j
}

// progress says how far a job is: left slots of those it started with.
func (s *Shard) progress(j *Job, did, left int) {
	s.jobs.mu.Lock()
	defer s.jobs.mu.Unlock()
	j.Done += did
	j.Total = j.Done + left
}

// finish ends a job; one that was stopped has never been.
func (s *Shard) finish(j *Job, err error) {
	if errors.Is(err, index.ErrStopped) {
		s.cancel(j)
		return
	}
	s.jobs.mu.Lock()
	defer s.jobs.mu.Unlock()
	s.jobs.end(j, err)
}

func (x *jobs) end(j *Job, err error) {
	x.running = slices.DeleteFunc(x.running, func(r *Job) bool { return r == j })
	j.Finished = time.Now()
	x.ended++
	if err != nil {
		j.Error = err.Error()
	}
	if len(x.past) == pastJobs {
		x.past = slices.Delete(x.past, 0, 1)
	}
	x.past = append(x.past, *j)
}

// halt ends the running job of a kind and target, if there is one: it cannot go
// on now.
func (s *Shard) halt(kind JobKind, target string, why error) {
	s.jobs.mu.Lock()
	defer s.jobs.mu.Unlock()
	for _, j := range slices.Clone(s.jobs.running) {
		if j.Kind == kind && j.Target == target {
			s.jobs.end(j, why)
		}
	}
}

// cancel forgets a job that had nothing to do, or that the node's end, or the shard's,
// has stopped.
func (s *Shard) cancel(j *Job) {
	s.jobs.mu.Lock()
	defer s.jobs.mu.Unlock()
	s.jobs.running = slices.DeleteFunc(s.jobs.running, func(r *Job) bool { return r == j })
}

// failed ends every job under way: the step that they were in has failed.
func (s *Shard) failed(err error) {
	s.jobs.mu.Lock()
	defer s.jobs.mu.Unlock()
	for _, j := range slices.Clone(s.jobs.running) {
		s.jobs.end(j, err)
	}
}

// Work is a shard's background work.
type Work struct {
	Points  int
	Ended   int // jobs since the open
	Running []Job
	Past    []Job // the newest first
	// Queued are the vectors whose tails wait for their turn, with the slots in
	// Total.
	Queued []Job
}

// Work tells what the shard does, did and will do in the background.
func (s *Shard) Work() Work {
	var out Work
	if !s.pins.take() {
		return out
	}
	defer s.pins.drop()
	st := s.current.Load()
	out.Points = st.live.Len()
	s.jobs.mu.Lock()
	for _, j := range s.jobs.running {
		out.Running = append(out.Running, *j)
	}
	out.Past = slices.Clone(s.jobs.past)
	out.Ended = int(s.jobs.ended)
	s.jobs.mu.Unlock()
	slices.Reverse(out.Past)
	for _, field := range st.indexes.Unbuilt() {
		if !slices.ContainsFunc(out.Running, func(j Job) bool { return j.Target == field && j.Kind == Backfilling }) {
			out.Queued = append(out.Queued, Job{Kind: Backfilling, Target: field, Points: out.Points, Total: out.Points})
		}
	}
	for _, field := range st.indexes.Unloaded() {
		if !slices.ContainsFunc(out.Running, func(j Job) bool { return j.Target == field && j.Kind == Loading }) {
			out.Queued = append(out.Queued, Job{Kind: Loading, Target: field, Points: out.Points, Total: out.Points})
		}
	}
	if s.untidy(st) {
		out.Queued = append(out.Queued, Job{Kind: Sweeping, Points: out.Points, Total: int(s.garbage.Load())})
	}
	for i := range st.fields {
		f := &st.fields[i]
		n := f.tail(st)
		busy := slices.ContainsFunc(out.Running, func(j Job) bool { return j.Target == f.conf.Name && j.Kind == Indexing })
		if n > 0 && !busy {
			out.Queued = append(out.Queued, Job{Kind: Indexing, Target: f.conf.Name, Points: out.Points, Total: n})
		}
	}
	return out
}
