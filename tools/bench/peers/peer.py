"""Measure one library on one data set: peer.py NAME --data FOLDER [--cache DIR] [--m 16] [--ef-construct 200] [--threads 1] [--sweep]

The worker of `go run ./tools/bench/race`. It builds the library's index (or opens
the one that an earlier run left in --cache), prints one JSON line that tells so,
then answers commands, a JSON object a line, until its input ends:

  {"op": "pass", "setting": S}   every query once, each timed alone
  {"op": "batch", "setting": S}  all queries in one call of one thread, where the library has it
  {"op": "memory"}               resident memory beside the data set's own arrays

`kith bench worker` speaks the same. With --sweep it needs no driver: it measures
all its settings and prints a line for each. peer.py --list names the libraries,
and for each whether it can be imported here.

Queries run on one thread, builds on --threads of them. Recall is recall at 10
against gt.ibin.
"""
import argparse
import contextlib
import importlib
import importlib.metadata
import json
import os
import shutil
import sys
import time

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np

K = 10


class Data:
    """A folder of base.fbin, query.fbin, gt.ibin and meta.json."""

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "meta.json")) as f:
            self.metric = json.load(f)["metric"]
        self.queries = matrix(os.path.join(folder, "query.fbin"), np.float32)
        self.truth = [set(row[:K].tolist()) for row in matrix(os.path.join(folder, "gt.ibin"), np.int32)]
        self._base = None

    @property
    def inner(self):
        """Whether nearness is an inner product; cosine is one, of normalised vectors."""
        return self.metric in ("cosine", "dot")

    @property
    def base(self):
        """The vectors to index, read once and only by those that need them."""
        if self._base is None:
            self._base = matrix(os.path.join(self.folder, "base.fbin"), np.float32)
        return self._base

    @property
    def rows(self):
        return int(np.fromfile(os.path.join(self.folder, "base.fbin"), np.uint32, 1)[0])

    @property
    def dim(self):
        return self.queries.shape[1]

    def recall(self, found):
        hits = sum(len(want.intersection(map(int, ids))) for want, ids in zip(self.truth, found))
        return hits / (K * len(self.truth))


def matrix(path, kind):
    rows, columns = np.fromfile(path, np.uint32, 2)
    cells = np.fromfile(path, kind, offset=8)
    if cells.size != int(rows) * int(columns):
        raise SystemExit(f"{path}: says {rows} x {columns}, holds {cells.size} values")
    return cells.reshape(int(rows), int(columns))


def resident():
    """Resident memory in bytes: mapped files too, as some libraries keep theirs so."""
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def opened(peer, args, data):
    """The index, from the cache or built; and what the build cost when it was made."""
    folder = os.path.join(args.cache, f"{peer.name}-{data_name(data)}-m{args.m}-ef{args.ef_construct}") if args.cache else None
    note = os.path.join(folder, "built.json") if folder else None
    if note and not args.rebuild and os.path.exists(note):
        with open(note) as f:
            built = json.load(f)
        built.setdefault("threads", 1)
        if built["version"] == peer.version:
            if peer.reads_base:
                data.base
            before = resident()
            peer.open(folder)
            return {**built, "cached": True}, before
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
    data.base
    before, wall, cpu = resident(), time.perf_counter(), time.process_time()
    peer.build(folder)
    built = {"version": peer.version, "threads": args.threads, "build_s": time.perf_counter() - wall, "build_cpu_s": time.process_time() - cpu}
    if folder and peer.save(folder) is not False:
        with open(note, "w") as f:
            json.dump(built, f)
    return {**built, "cached": False}, before


def data_name(data):
    return os.path.basename(os.path.normpath(data.folder))


def one_pass(peer, data, setting):
    peer.set(setting)
    ask, queries, clock = peer.ask, peer.queries(), time.perf_counter_ns
    found, latency = [], []
    for q in queries[: min(20, len(queries))]:  # warm
        ask(q)
    cpu = time.process_time()
    for q in queries:
        start = clock()
        ids = ask(q)
        latency.append(clock() - start)
        found.append(ids)
    cpu = time.process_time() - cpu
    found = [peer.ids(ids) for ids in found]
    return {"setting": setting, "recall": data.recall(found), "cpu_us": round(cpu * 1e6 / len(queries), 2),
            "latency_us": [round(ns / 1e3, 2) for ns in latency]}


def batch(peer, data, setting):
    if peer.ask_all is None:
        return {"setting": setting, "batch_qps": 0}
    peer.set(setting)
    start = time.perf_counter()
    peer.ask_all(data.queries)
    return {"setting": setting, "batch_qps": len(data.queries) / (time.perf_counter() - start)}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("name", nargs="?", help="which library; --list names them")
    p.add_argument("--data", help="folder of the data set")
    p.add_argument("--cache", help="folder that keeps built indexes")
    p.add_argument("--rebuild", action="store_true", help="build even what is cached")
    p.add_argument("--m", type=int, default=16, help="links per node")
    p.add_argument("--ef-construct", type=int, default=200, help="breadth of the search that places a node")
    p.add_argument("--threads", type=int, default=1, help="threads that build")
    p.add_argument("--sweep", action="store_true", help="measure every setting and end")
    p.add_argument("--list", action="store_true", help="name the libraries")
    args = p.parse_args()
    from libraries import PEERS

    if args.list:
        for name, kind in PEERS.items():
            print(json.dumps({"lib": name, "package": kind.package, "group": kind.group, **available(kind)}))
        return
    if args.name not in PEERS or not args.data:
        p.error(f"name one of {', '.join(PEERS)}, and a folder with --data")
    out = os.fdopen(os.dup(1), "w")  # libraries write to 1 as they please
    os.dup2(2, 1)
    say = lambda line: print(json.dumps(line), file=out, flush=True)
    data = Data(args.data)
    try:
        kind = PEERS[args.name]
        peer = kind(args.name, data, args)
        peer.version = importlib.metadata.version(kind.package)
        built, before = opened(peer, args, data)
    except Exception as e:  # whatever a library throws, the driver is to name it
        say({"lib": args.name, "missing": f"{type(e).__name__}: {e}"})
        sys.exit(1)
    say({"lib": args.name, "folder": args.data, "m": args.m, "ef_construct": args.ef_construct,
         "settings": peer.settings(), "group": kind.group, "rows": data.rows, "raw_mib": 4 * data.rows * data.dim / 2**20, **built})
    serve(peer, data, say, before, peer.settings() if args.sweep else None)


def serve(peer, data, say, before, sweep):
    if sweep is not None:
        for setting in sweep:
            line = one_pass(peer, data, setting)
            latency = sorted(line.pop("latency_us"))
            say({**line, "qps": 1e6 * len(latency) / sum(latency), "p50_us": latency[len(latency) // 2], "p99_us": latency[len(latency) * 99 // 100],
                 "batch_qps": batch(peer, data, setting)["batch_qps"]})
        say({"index_mib": (resident() - before) / 2**20})
        return
    for text in sys.stdin:
        command = json.loads(text)
        try:
            if command["op"] == "pass":
                say(one_pass(peer, data, command["setting"]))
            elif command["op"] == "batch":
                say(batch(peer, data, command["setting"]))
            elif command["op"] == "memory":
                say({"index_mib": (resident() - before) / 2**20})
            else:
                say({"error": f"unknown op {command['op']!r}"})
        except Exception as e:
            say({"error": f"{type(e).__name__}: {e}"})


def available(kind):
    try:
        with contextlib.redirect_stdout(sys.stderr):
            importlib.import_module(kind.module)
        return {"version": importlib.metadata.version(kind.package)}
    except Exception as e:
        return {"missing": f"{type(e).__name__}: {e}"}


if __name__ == "__main__":
    main()
