"""The peers: one small class for each way of using a library, queries all on one thread.

Each says how the library's own documents would have it used at M links and a
construction breadth, builds, saves where the library can, and answers the ten
nearest of one query. A setting is what the sweep turns: ef for graphs, or a
list of numbers where two things turn together.
"""
import json
import os
import shutil

EFS = [10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 200, 256, 320, 400, 512, 640, 800, 1000, 1300, 1600]
PROBES = [1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
K = 10


class Peer:
    """What the libraries have in common. group says whom the race counts it with."""

    package, module, group = "", "", "popular"
    reads_base = False  # whether opening a saved index reads the data set's vectors: they are not its memory
    ask_all = None  # all queries in one call, where that is the same loop without Python

    def __init__(self, name, data, args):
        self.name, self.data, self.args = name, data, args
        self.index = None

    def settings(self):
        return EFS

    def queries(self):
        return list(self.data.queries)

    def ids(self, found):
        """The numbers in an answer, taken out of it when the clock has stopped."""
        return found

    def save(self, folder):
        """False says that the library cannot, or need not."""
        return False

    def path(self, folder, name="index"):
        return os.path.join(folder, name)

    def probes(self, lists, factors):
        return [[p, f] for p in PROBES if p <= lists for f in factors]


class Hnswlib(Peer):
    package = module = "hnswlib"
    group = "hnswlib"

    def empty(self):
        import hnswlib

        index = hnswlib.Index(space="ip" if self.data.inner else "l2", dim=self.data.dim)
        return index

    def build(self, folder):
        self.index = self.empty()
        self.index.init_index(max_elements=len(self.data.base), M=self.args.m, ef_construction=self.args.ef_construct)
        self.index.add_items(self.data.base, num_threads=self.args.threads)

    def save(self, folder):
        self.index.save_index(self.path(folder))

    def open(self, folder):
        self.index = self.empty()
        self.index.load_index(self.path(folder))

    def set(self, ef):
        self.index.set_num_threads(1)
        self.index.set_ef(ef)

    def ask(self, q):
        return self.index.knn_query(q, K, num_threads=1)

    def ids(self, found):
        return found[0][0]

    def ask_all(self, queries):
        return self.index.knn_query(queries, K, num_threads=1)


class Faiss(Peer):
    """A Faiss index by its factory string."""

    package, module = "faiss-cpu", "faiss"

    def made(self):
        raise NotImplementedError

    def build(self, folder):
        import faiss

        faiss.omp_set_num_threads(self.args.threads)
        self.index = self.made()
        self.index.train(self.data.base)
        self.index.add(self.data.base)
        faiss.omp_set_num_threads(1)

    def save(self, folder):
        import faiss

        faiss.write_index(self.index, self.path(folder))

    def open(self, folder):
        import faiss

        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(self.path(folder))

    def metric(self):
        import faiss

        return faiss.METRIC_INNER_PRODUCT if self.data.inner else faiss.METRIC_L2

    def queries(self):
        return [q.reshape(1, -1) for q in self.data.queries]

    def ask(self, q):
        return self.index.search(q, K)

    def ids(self, found):
        return found[1][0]


class FaissHNSW(Faiss):
    def made(self):
        import faiss

        index = faiss.IndexHNSWFlat(self.data.dim, self.args.m, self.metric())
        index.hnsw.efConstruction = self.args.ef_construct
        return index

    def set(self, ef):
        self.index.hnsw.efSearch = ef

    def ask_all(self, queries):
        return self.index.search(queries, K)


class FaissIVF(Faiss):
    """Lists of codes, refined by the vectors. The setting is [nprobe, candidates per result]."""

    factors = (4, 10, 25)

    def lists(self):
        return min(4096, max(16, int(4 * self.data.rows**0.5) // 8 * 8))

    def made(self):
        import faiss

        return faiss.index_factory(self.data.dim, self.factory(), self.metric())

    def settings(self):
        return self.probes(self.lists(), self.factors)

    def set(self, setting):
        import faiss

        faiss.extract_index_ivf(faiss.downcast_index(self.index.base_index)).nprobe = setting[0]
        self.index.k_factor = setting[1]


class FaissIVFPQ(FaissIVF):
    def factory(self):
        per = 2 if self.data.dim <= 256 else 4
        return f"IVF{self.lists()},PQ{self.data.dim // per}x4fsr,RFlat"


class FaissRaBitQ(FaissIVF):
    factors = (10, 25, 60)

    def factory(self):
        return f"RR{self.data.dim},IVF{self.lists()},RaBitQfs,RFlat"


class Usearch(Peer):
    package = module = "usearch"

    def empty(self):
        from usearch.index import Index

        return Index(ndim=self.data.dim, metric="ip" if self.data.inner else "l2sq", dtype="f32",
                     connectivity=self.args.m, expansion_add=self.args.ef_construct)

    def build(self, folder):
        import numpy as np

        self.index = self.empty()
        self.index.add(np.arange(len(self.data.base), dtype=np.uint64), self.data.base, threads=self.args.threads)

    def save(self, folder):
        self.index.save(self.path(folder))

    def open(self, folder):
        self.index = self.empty()
        self.index.load(self.path(folder))

    def set(self, ef):
        self.index.expansion_search = ef

    def ask(self, q):
        return self.index.search(q, K, threads=1)

    def ids(self, found):
        return found.keys

    def ask_all(self, queries):
        return self.index.search(queries, K, threads=1)


class SymphonyQG(Peer):
    """Codes of the neighbours beside the links, estimated 32 at a time (arXiv 2411.12229)."""

    package = module = "rabitqlib"
    group = "frontier"

    def build(self, folder):
        import rabitqlib

        self.index = rabitqlib.SymqgIndex(self.data.dim, 2 * self.args.m, "ip" if self.data.inner else "l2")
        self.index.build(self.data.base, self.args.ef_construct, num_threads=self.args.threads)

    def save(self, folder):
        self.index.save(self.path(folder))

    def open(self, folder):
        import rabitqlib

        self.index = rabitqlib.SymqgIndex.load(self.path(folder))

    def set(self, ef):
        self.ef = ef

    def queries(self):
        return [q.reshape(1, -1) for q in self.data.queries]

    def ask(self, q):
        return self.index.search(q, K, self.ef, 1)

    def ids(self, found):
        first = found[0].ravel()
        return first if first.dtype.kind in "iu" else found[1].ravel()

    def ask_all(self, queries):
        return self.index.search(queries, K, self.ef, 1)


class Glass(Peer):
    """The graph with codes of 8 bits, refined by half floats."""

    package, module, group = "pyglass-portable", "glass", "frontier"
    reads_base = True
    quantizer, refine = "SQ8U", "FP16"

    def metric(self):
        return "IP" if self.data.inner else "L2"

    def build(self, folder):
        import glass

        glass.set_num_threads(self.args.threads)
        graph = glass.Index("HNSW", self.metric(), "FP32", R=2 * self.args.m, L=self.args.ef_construct).build(self.data.base)
        if folder:
            graph.save(self.path(folder))
        self.searcher(graph)

    def searcher(self, graph):
        import glass

        self.graph = graph
        self.index = glass.Searcher(graph, self.data.base, self.metric(), self.quantizer, self.refine)
        self.index.set_ef(64)
        glass.set_num_threads(1)
        self.index.optimize(1)

    def save(self, folder):
        return None

    def open(self, folder):
        import glass

        glass.set_num_threads(1)
        self.searcher(glass.Graph(self.path(folder)))

    def set(self, ef):
        self.index.set_ef(ef)

    def ask(self, q):
        return self.index.search(q, K)

    def ids(self, found):
        return found[0] if isinstance(found, tuple) else found

    def ask_all(self, queries):
        return self.index.batch_search(queries, K, 1)


class SVS(Peer):
    """Vamana over vectors in locally adaptive codes of 4 + 8 bits where this build has
    them, floats otherwise; the greeting says which."""

    package, module, group = "scalable-vs", "svs", "frontier"
    parts = ("config", "graph", "data")

    def distance(self):
        import svs

        return svs.DistanceType.MIP if self.data.inner else svs.DistanceType.L2

    def build(self, folder):
        import svs

        params = svs.VamanaBuildParameters(alpha=0.95 if self.data.inner else 1.2, graph_max_degree=2 * self.args.m,
                                           window_size=self.args.ef_construct)
        self.index = svs.Vamana.build(params, self.data.base, self.distance(), num_threads=self.args.threads)
        self.index.num_threads = 1
        if folder:
            self.index.save(*(self.path(folder, part) for part in self.parts))
            self.open(folder)

    def save(self, folder):
        return None

    def loader(self, folder):
        import svs

        return svs.VectorDataLoader(self.path(folder, "data"), svs.float32)

    def open(self, folder):
        import svs

        self.index = svs.Vamana(self.path(folder, "config"), svs.GraphLoader(self.path(folder, "graph")), self.loader(folder),
                                self.distance(), num_threads=1)

    def set(self, ef):
        self.index.search_window_size = ef

    def ask(self, q):
        return self.index.search(q, K)

    def ids(self, found):
        return found[0].ravel()

    def ask_all(self, queries):
        return self.index.search(queries, K)


class SVSLVQ(SVS):
    def loader(self, folder):
        import svs

        return svs.LVQLoader(super().loader(folder), primary=4, residual=8)


class Vsag(Peer):
    """HGraph with codes of 8 bits, reordered by the floats."""

    package = module = "pyvsag"
    group = "frontier"

    def empty(self):
        import pyvsag

        return pyvsag.Index("hgraph", json.dumps({
            "dtype": "float32", "metric_type": "ip" if self.data.inner else "l2", "dim": self.data.dim,
            "index_param": {"base_quantization_type": "sq8_uniform", "use_reorder": True, "precise_quantization_type": "fp32",
                            "max_degree": 2 * self.args.m, "ef_construction": self.args.ef_construct, "build_thread_count": self.args.threads}}))

    def build(self, folder):
        import numpy as np

        self.index = self.empty()
        base = self.data.base
        self.index.build(base.ravel(), np.arange(len(base), dtype=np.int64), len(base), self.data.dim)

    def save(self, folder):
        self.index.save(self.path(folder))

    def open(self, folder):
        self.index = self.empty()
        self.index.load(self.path(folder))

    def settings(self):
        return [ef for ef in EFS if ef <= 1000]  # it refuses more

    def set(self, ef):
        self.params = json.dumps({"hgraph": {"ef_search": ef}})

    def ask(self, q):
        return self.index.knn_search(q, K, self.params)

    def ids(self, found):
        return found[0]


class Scann(Peer):
    """A tree of leaves, asymmetric hashing, exact reordering. The setting is [leaves, reordered]."""

    package = module = "scann"
    group = "frontier"

    def leaves(self):
        return max(16, int(2 * self.data.rows**0.5))

    def build(self, folder):
        import scann

        leaves = self.leaves()
        builder = scann.scann_ops_pybind.builder(self.data.base, K, "dot_product" if self.data.inner else "squared_l2")
        if self.data.inner:
            builder = builder.tree(leaves, 10, training_sample_size=100_000, spherical=self.data.metric == "cosine")
            builder = builder.score_ah(2, anisotropic_quantization_threshold=0.2)
        else:
            builder = builder.tree(leaves, 10, training_sample_size=100_000).score_ah(2)
        self.index = builder.reorder(100).set_n_training_threads(self.args.threads).build()

    def save(self, folder):
        self.index.serialize(folder)

    def open(self, folder):
        import scann

        self.index = scann.scann_ops_pybind.load_searcher(folder)

    def settings(self):
        return self.probes(self.leaves(), (30, 100, 250))

    def set(self, setting):
        self.searched, self.reorder = setting

    def ask(self, q):
        return self.index.search(q, K, self.reorder, self.searched)

    def ids(self, found):
        return found[0]


class QdrantEdge(Peer):
    """Qdrant's engine as a library, without its server. Queries run on its own pool, pinned to one thread."""

    package, module, group = "qdrant-edge-py", "qdrant_edge", "engine"
    quantized = False

    def config(self):
        import qdrant_edge as e

        code = e.ScalarQuantizationConfig(type=e.ScalarType.Int8, quantile=0.99, always_ram=True) if self.quantized else None
        distance = {"cosine": e.Distance.Cosine, "dot": e.Distance.Dot, "euclidean": e.Distance.Euclid}[self.data.metric]
        return e.EdgeConfig(
            vectors=e.EdgeVectorParams(size=self.data.dim, distance=distance, on_disk=False),
            hnsw_config=e.HnswIndexConfig(self.args.m, self.args.ef_construct, full_scan_threshold=10, max_indexing_threads=self.args.threads, on_disk=False),
            quantization_config=code, max_search_threads=1,
            optimizers=e.EdgeOptimizersConfig(default_segment_number=1, max_segment_size=100_000_000, indexing_threshold=1000))

    def build(self, folder):
        import tempfile
        import qdrant_edge as e

        place = self.path(folder or tempfile.mkdtemp(prefix="qdrant-edge-"), "shard")
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        self.index = e.EdgeShard.create(place, self.config())
        for at in range(0, len(self.data.base), 2000):
            block = self.data.base[at : at + 2000].tolist()
            self.index.update(e.UpdateOperation.upsert_points([e.Point(at + i, v, {}) for i, v in enumerate(block)]))
        while self.index.optimize():
            pass
        self.index.flush()

    def save(self, folder):
        return None

    def open(self, folder):
        import qdrant_edge as e

        self.index = e.EdgeShard.load(self.path(folder, "shard"))

    def queries(self):
        return [q.tolist() for q in self.data.queries]

    def set(self, ef):
        import qdrant_edge as e

        code = e.QuantizationSearchParams(rescore=True, oversampling=2.0) if self.quantized else None
        self.params = e.SearchParams(hnsw_ef=ef, quantization=code)
        self.request = lambda q: e.QueryRequest(limit=K, query=e.Query.Nearest(q), params=self.params, with_payload=False, with_vector=False)

    def ask(self, q):
        return self.index.query(self.request(q))

    def ids(self, found):
        return [p.id for p in found]


class QdrantEdgeInt8(QdrantEdge):
    quantized = True


class Zvec(Peer):
    """Zvec's engine as a library: its low-latency call, which answers internal numbers."""

    package = module = "zvec"
    group = "engine"
    quantize = "UNDEFINED"

    def start(self):
        import zvec

        zvec.init(query_threads=1, optimize_threads=self.args.threads)
        return zvec

    def build(self, folder):
        import tempfile

        zvec = self.start()
        place = self.path(folder or tempfile.mkdtemp(prefix="zvec-"), "collection")
        shutil.rmtree(place, ignore_errors=True)
        metric = zvec.MetricType.IP if self.data.inner else zvec.MetricType.L2
        index = zvec.HnswIndexParam(metric_type=metric, m=self.args.m, ef_construction=self.args.ef_construct,
                                    quantize_type=getattr(zvec.QuantizeType, self.quantize), use_contiguous_memory=True)
        schema = zvec.CollectionSchema("bench", vectors=zvec.VectorSchema("v", zvec.DataType.VECTOR_FP32, self.data.dim, index))
        collection = zvec.create_and_open(place, schema)
        for at in range(0, len(self.data.base), 1000):
            block = self.data.base[at : at + 1000].tolist()
            collection.insert([zvec.Doc(id=str(at + i), vectors={"v": v}) for i, v in enumerate(block)])
        collection.optimize(zvec.OptimizeOption(concurrency=self.args.threads))
        collection.flush()
        collection.close()
        self.attach(zvec, place)

    def attach(self, zvec, place):
        self.zvec = zvec
        self.index = zvec.open(place, zvec.CollectionOption(read_only=True))

    def save(self, folder):
        return None

    def open(self, folder):
        self.attach(self.start(), self.path(folder, "collection"))

    def set(self, ef):
        self.param = self.zvec.HnswQueryParam(ef=ef, is_using_refiner=self.quantize != "UNDEFINED")

    def ask(self, q):
        return self.index.query_internal_ids(self.zvec.Query("v", vector=q, param=self.param), topk=K)

    def ids(self, found):
        return [int(key) for key in self.index.resolve_internal_ids(found) if key is not None]


class ZvecInt8(Zvec):
    quantize = "INT8"


PEERS = {
    "hnswlib": Hnswlib,
    "faiss-hnsw": FaissHNSW,
    "faiss-ivfpq": FaissIVFPQ,
    "faiss-rabitq": FaissRaBitQ,
    "usearch": Usearch,
    "symphonyqg": SymphonyQG,
    "glass": Glass,
    "svs": SVS,
    "svs-lvq": SVSLVQ,
    "vsag": Vsag,
    "scann": Scann,
    "qdrant-edge": QdrantEdge,
    "qdrant-edge-int8": QdrantEdgeInt8,
    "zvec": Zvec,
    "zvec-int8": ZvecInt8,
}
