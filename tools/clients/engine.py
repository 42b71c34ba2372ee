"""Random writes and reads to a Kith server and to the contract's engine as a
library (qdrant-edge-py), which must agree: engine.py URL [SEED]

edge.py compares filters alone, and deeper; here points live: upserts in every
mode, vectors, payloads by ids, filter and key, deletes, indexes; after each round
scroll, count, an exact query, facet and order_by. What the grammar leaves out
docs/differences.md explains."""
import json
import random
import sys
import tempfile
import urllib.error
import urllib.request
import uuid

import qdrant_edge as e

URL = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
ROUNDS, DIM = 250, 4
rng = random.Random(SEED)
words = []  # words: filled once there is a text index
WORDS = ["red", "Red", "fox", "quick", "lazy"]
CITIES = ["Berlin", "Łódź", "東京", "", "berlin"]
TIMES = ["2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", "2023-12-31 23:59:59.999999", "2024-02-29", "2020-05-05 10:30", "1969-07-20T20:17:40Z"]
FIELDS = ["city", "tags", "n", "price", "ok", "text", "at", "place", "uid"]
UIDS = ["550e8400-e29b-41d4-a716-446655440000", "00000000-0000-4000-8000-000000000001"]


def kith(method, path, body=None):
    request = urllib.request.Request(URL + path, method=method, data=json.dumps(body).encode() if body is not None else None, headers={"Content-Type": "application/json"})
    try:
        return json.load(urllib.request.urlopen(request))["result"]
    except urllib.error.HTTPError as failure:
        raise AssertionError(f"{method} {path} {json.dumps(body)}: {failure.code} {failure.read().decode()}") from None


def value(field):
    if field in ("city", "tags"):
        return rng.choice(CITIES)
    if field == "n":
        return rng.choice([rng.randrange(-4, 8), 1.5])
    if field == "price":
        return rng.randrange(-10, 30) / 4
    if field == "ok":
        return rng.random() < 0.5
    if field == "text":
        return " ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 4)))
    if field == "at":
        return rng.choice(TIMES)
    if field == "uid":
        return rng.choice(UIDS)
    return {"lon": rng.randrange(-18, 18) * 10, "lat": rng.randrange(-8, 9) * 10}


def several(draw):
    kind = rng.randrange(8)
    return None if kind == 0 else [] if kind == 1 else [draw() for _ in range(rng.randrange(1, 4))] if kind < 4 else draw()


def payload():
    p = {f: several(lambda f=f: value(f)) for f in rng.sample(FIELDS, rng.randrange(6))}
    if rng.random() < 0.4:
        p["nested"] = [{"k": rng.randrange(3), "v": several(lambda: rng.randrange(3))} for _ in range(rng.randrange(4))]
    if rng.random() < 0.3:
        p["deep"] = {"list": [{"x": rng.randrange(4)}], "a.b": "dotted"}
    return p


def bounds(draw):
    r = {rng.choice(["gt", "gte"]): draw()} if rng.random() < 0.7 else {}
    if not r or rng.random() < 0.6:
        r[rng.choice(["lt", "lte"])] = draw()
    return r


def geo():
    degree = lambda n: rng.randrange(n) * 10 - n * 5 + 3.25
    a, b = {"lon": degree(35), "lat": degree(16)}, {"lon": degree(35), "lat": degree(16)}
    kind = rng.randrange(3)
    if kind == 0:
        return {"key": "place", "geo_radius": {"center": a, "radius": 1000 + rng.randrange(12) * 777777.7}}
    if kind == 1:
        a["lat"], b["lat"] = max(a["lat"], b["lat"]), min(a["lat"], b["lat"])
        return {"key": "place", "geo_bounding_box": {"top_left": a, "bottom_right": b}}

    def ring(size):
        x, y = rng.randrange(12) * 10 - 56.75, rng.randrange(6) * 10 - 26.75
        return {"points": [{"lon": x + dx * size, "lat": y + dy * size} for dx, dy in ((0, 0), (1, 0), (1.5, 0.75), (0, 1), (0, 0))]}

    polygon = {"exterior": ring(10 + 10 * rng.randrange(4))}
    if rng.random() < 0.4:
        polygon["interiors"] = [ring(10)]
    return {"key": "place", "geo_polygon": polygon}


def condition(depth):
    kind = rng.randrange(16)
    if kind == 0:
        return {"is_empty": {"key": rng.choice(["city", "n", "nested", "deep.list", "nothing", "nested[].v"])}}
    if kind == 1:
        return {"is_null": {"key": rng.choice(["city", "n", "nested[].v"])}}
    if kind == 2:
        return {"has_id": [an_id() for _ in range(15)]}
    if kind == 3:
        return {"has_vector": ""}
    if kind == 4:
        return {"nested": {"key": rng.choice(["nested", "nested[]"]), "filter": {"must": [{"key": "k", "match": {"value": rng.randrange(3)}}, {"key": "v", "match": {"value": rng.randrange(3)}}]}}}
    if kind == 5:
        return {"key": rng.choice(["city", "tags", "nested", "nothing", "nested[].v"]), "values_count": bounds(lambda: rng.randrange(4))}
    if kind == 6:
        return a_filter(depth - 1) if depth else {"key": "nested[].k", "match": {"value": rng.randrange(3)}}
    if kind == 7:
        return rng.choice([{"key": "deep.list[].x", "match": {"value": rng.randrange(4)}}, {"key": 'deep."a.b"', "match": {"value": "dotted"}}, {"key": "deep.list[0].x", "range": {"gte": 2}}])
    if kind == 8:
        return {"key": "at", "range": bounds(lambda: rng.choice(TIMES))}
    if kind == 9:
        return {"key": rng.choice(["n", "price", "nested[].v"]), "range": bounds(lambda: rng.randrange(-10, 30) / 4)}
    if kind == 10 and words:
        how = rng.choice(["text", "text_any", "phrase"])
        return {"key": "text", "match": {how: value("text")}}
    if kind == 11:
        return {"key": rng.choice(["text", "city"]), "match": {"prefix": rng.choice(["", "B", "red", "東"])}}
    if kind == 12:
        return geo()
    field = rng.choice(["city", "tags", "n", "uid"])  # the library takes True for 1
    one = lambda: rng.randrange(-4, 8) if field == "n" else value(field)
    if rng.random() < 0.5:
        return {"key": field, "match": {"value": one()}}
    return {"key": field, "match": {rng.choice(["any", "except"]): [one() for _ in range(rng.randrange(1, 4))]}}


def a_filter(depth=2):
    f = {}
    for name, most in (("must", 2), ("should", 2), ("must_not", 1)):
        n = rng.randrange(most + 1)
        if n:
            f[name] = [condition(depth) for _ in range(n)]
    if rng.random() < 0.15:
        f["min_should"] = {"conditions": [condition(depth) for _ in range(3)], "min_count": rng.randrange(1, 4)}
    return f


def engine(f):
    """The filter in the engine's own objects."""
    many = lambda name: [engine_condition(c) for c in f[name]] if name in f else None
    least = f.get("min_should")
    return e.Filter(must=many("must"), should=many("should"), must_not=many("must_not"),
                    min_should=e.MinShould([engine_condition(c) for c in least["conditions"]], least["min_count"]) if least else None)


def place(p):
    return e.GeoPoint(p["lon"], p["lat"])


def engine_condition(c):
    if "is_empty" in c:
        return e.IsEmptyCondition(c["is_empty"]["key"])
    if "is_null" in c:
        return e.IsNullCondition(c["is_null"]["key"])
    if "has_id" in c:
        return e.HasIdCondition(set(c["has_id"]))
    if "has_vector" in c:
        return e.HasVectorCondition(c["has_vector"])
    if "nested" in c:
        return e.NestedCondition(c["nested"]["key"], engine(c["nested"]["filter"]))
    if "key" not in c:
        return engine(c)
    key = c["key"]
    if "values_count" in c:
        return e.FieldCondition(key, values_count=e.ValuesCount(**c["values_count"]))
    if "range" in c:
        text = any(isinstance(v, str) for v in c["range"].values())
        zoned = {k: v for k, v in c["range"].items()}
        return e.FieldCondition(key, range=e.RangeDateTime(**zoned) if text else e.RangeFloat(**{k: float(v) for k, v in zoned.items()}))
    if "geo_radius" in c:
        return e.FieldCondition(key, geo_radius=e.GeoRadius(place(c["geo_radius"]["center"]), c["geo_radius"]["radius"]))
    if "geo_bounding_box" in c:
        return e.FieldCondition(key, geo_bounding_box=e.GeoBoundingBox(place(c["geo_bounding_box"]["top_left"]), place(c["geo_bounding_box"]["bottom_right"])))
    if "geo_polygon" in c:
        ring = lambda r: [place(p) for p in r["points"]]
        return e.FieldCondition(key, geo_polygon=e.GeoPolygon(ring(c["geo_polygon"]["exterior"]), [ring(r) for r in c["geo_polygon"].get("interiors", [])]))
    (how, v), = c["match"].items()
    kinds = {"value": e.MatchValue, "any": e.MatchAny, "except": e.MatchExcept, "text": e.MatchText, "text_any": e.MatchTextAny, "phrase": e.MatchPhrase, "prefix": e.MatchPrefix}
    return e.FieldCondition(key, match=kinds[how](v))


def an_id():
    n = rng.randrange(60)
    return str(uuid.UUID(int=n * 0x9E3779B97F4A7C15, version=4)) if n % 4 == 3 else n


def vector():
    return [rng.randrange(-16, 17) / 4 for _ in range(DIM)]


def canonical(points):
    return {str(p["id"]): p for p in points}


class Pair:
    """The same collection in Kith and in the engine."""

    def __init__(self, distance, folder):
        self.name, self.distance = f"edge-{distance.lower()}", distance
        kith("DELETE", f"/collections/{self.name}")
        kith("PUT", f"/collections/{self.name}", {"vectors": {"size": DIM, "distance": distance}})
        make = lambda name: e.EdgeShard.create(f"{folder}/{self.name}-{name}", e.EdgeConfig(vectors=e.EdgeVectorParams(DIM, getattr(e.Distance, distance))))
        # the engine's own answers change with an index: filters are asked without,
        # and its changes by filter pick other points with one, so the indexed
        # shard is given what the plain one holds
        self.shard, self.indexed_shard = make("plain"), make("indexed")
        self.indexed = {}
        self.index("text", "text")  # without one the engine takes words, the contract's page substrings

    def post(self, path, body, method="POST"):
        return kith(method, f"/collections/{self.name}{path}", body)

    def write(self, path, body, operation, method="POST"):
        self.post(path + "?wait=true", body, method)
        self.shard.update(operation)
        self.copy()

    def copy(self):
        """The indexed shard's points made those of the plain one."""
        all_of = lambda shard: {str(p.id): p for p in shard.scroll(e.ScrollRequest(limit=1000, with_payload=True, with_vector=True))[0]}
        want, there = all_of(self.shard), all_of(self.indexed_shard)
        gone = [there[i].id for i in there.keys() - want.keys()]
        if gone:
            self.indexed_shard.update(e.UpdateOperation.delete_points(gone))
        new = [e.Point(p.id, p.vector, p.payload) for i, p in want.items() if i not in there or (there[i].payload, there[i].vector) != (p.payload, p.vector)]
        if new:
            self.indexed_shard.update(e.UpdateOperation.upsert_points(new))

    def some(self):
        there = [p.id if isinstance(p.id, int) else str(p.id) for p in self.shard.scroll(e.ScrollRequest(limit=1000))[0]]
        return rng.sample(there, min(len(there), rng.randrange(1, 4)))

    def upsert(self):
        points = {str(i): (i, vector(), payload()) for i in (an_id() for _ in range(rng.randrange(1, 8)))}
        body = {"points": [{"id": i, "vector": v, "payload": p} for i, v, p in points.values()]}
        condition_, mode = None, None
        if rng.random() < 0.3:
            mode = rng.choice(["upsert", "insert_only", "update_only"])
            body["update_mode"] = mode
        if rng.random() < 0.2:
            body["update_filter"] = a_filter(1)
            condition_ = engine(body["update_filter"])
        names = {"upsert": e.UpdateMode.Upsert, "insert_only": e.UpdateMode.InsertOnly, "update_only": e.UpdateMode.UpdateOnly, None: None}
        self.write("/points", body, e.UpdateOperation.upsert_points([e.Point(i, v, p) for i, v, p in points.values()], condition_, names[mode]), "PUT")

    def change(self):
        kind = rng.randrange(6)
        by_filter = rng.random() < 0.4
        f, ids = a_filter(1), self.some()
        body = {"filter": f} if by_filter else {"points": ids}
        o = e.UpdateOperation
        pick = lambda name, *rest: getattr(o, name + "_by_filter")(engine(f), *rest) if by_filter else getattr(o, name)(ids, *rest)
        if kind == 0:
            p = {k: v for k, v in payload().items() if v is not None}  # a null takes the key away, but not in an empty payload
            self.write("/points/payload", {**body, "payload": p}, pick("set_payload", p))
        elif kind == 1:
            p, key = {"x": rng.randrange(4)}, rng.choice(["deep", "deep.list[0]", "deep.list[]", "nested[]", "new.path", "city", "deep.list"])
            self.write("/points/payload", {**body, "payload": p, "key": key}, pick("set_payload", p, key))
        elif kind == 2:
            p = payload()
            self.write("/points/payload", {**body, "payload": p}, pick("overwrite_payload", p), "PUT")
        elif kind == 3:
            keys = rng.sample(["city", "n", "nested", "nested[].k", "deep.list[].x", "deep.list", 'deep."a.b"', "nothing", "tags[]"], 2)
            self.write("/points/payload/delete", {**body, "keys": keys}, pick("delete_payload", keys))
        elif kind == 4 and rng.random() < 0.4:
            self.write("/points/payload/clear", body, pick("clear_payload"))
        elif kind == 5 and rng.random() < 0.3:
            self.write("/points/delete", body, o.delete_points_by_filter(engine(f)) if by_filter else o.delete_points(ids))

    def vectors(self):
        ids = self.some()
        if not ids:
            return
        new = {i: vector() for i in ids}
        self.write("/points/vectors", {"points": [{"id": i, "vector": v} for i, v in new.items()]}, e.UpdateOperation.update_vectors([e.PointVectors(i, v) for i, v in new.items()]), "PUT")

    def compare(self):
        f = a_filter()
        want, _ = self.shard.scroll(e.ScrollRequest(limit=1000, filter=engine(f), with_payload=True, with_vector=True))
        got = self.post("/points/scroll", {"filter": f, "limit": 1000, "with_vector": True})["points"]
        where = f"{self.name}, indexes {self.indexed}, filter {json.dumps(f, ensure_ascii=False)}"
        mine, theirs = {str(p["id"]): p for p in got}, {str(p.id): p for p in want}
        if mine.keys() != theirs.keys():
            every = {str(p.id): p.payload for p in self.shard.scroll(e.ScrollRequest(limit=1000, with_payload=True))[0]}
            odd = mine.keys() ^ theirs.keys()
            raise AssertionError(f"{where}\nkith only {mine.keys() - theirs.keys()}, engine only {theirs.keys() - mine.keys()}\n" + "\n".join(f"{i}: {json.dumps(every.get(i), ensure_ascii=False)}" for i in odd))
        for i, p in theirs.items():
            assert (mine[i].get("payload") or {}) == (p.payload or {}), f"{where}\npayload of {i}: kith {mine[i].get('payload')}, engine {p.payload}"
            assert all(abs(a - b) < 1e-4 for a, b in zip(mine[i]["vector"], p.vector)), f"vector of {i}: {mine[i]['vector']} {p.vector}"
        assert self.post("/points/count", {"filter": f, "exact": True})["count"] == self.shard.count(e.CountRequest(filter=engine(f), exact=True)), where
        self.nearest(f, where)
        self.facet(where)
        self.order(where)

    def nearest(self, f, where):
        q = vector()
        want = self.shard.query(e.QueryRequest(limit=10, query=e.Query.Nearest(q), filter=engine(f), params=e.SearchParams(exact=True)))
        got = self.post("/points/query", {"query": q, "limit": 10, "filter": f, "params": {"exact": True}})["points"]
        assert len(want) == len(got), f"{where}\nquery {q}: {len(got)} points, engine {len(want)}"
        for a, b in zip(got, want):
            assert abs(a["score"] - b.score) < 1e-3, f"{where}\nquery {q}: {a} {b}"

    def facet(self, where):
        for field in ("city", "n", "ok"):
            if field not in self.indexed:
                continue
            want = {repr(h.value): h.count for h in self.indexed_shard.facet(e.FacetRequest(field, 1000, True)).hits if h.count}  # it lists values that no point has any more
            got = {repr(h["value"]): h["count"] for h in self.post("/facet", {"key": field, "limit": 1000, "exact": True})["hits"]}
            assert want == got, f"{where}\nfacet of {field}: kith {got}, engine {want}"

    def order(self, where):
        for field in ("n", "price", "at"):
            if field not in self.indexed:
                continue
            way = rng.choice(["asc", "desc"])
            want, _ = self.indexed_shard.scroll(e.ScrollRequest(limit=1000, order_by=e.OrderBy(field, e.Direction.Asc if way == "asc" else e.Direction.Desc)))
            got = self.post("/points/scroll", {"limit": 1000, "order_by": {"key": field, "direction": way}})["points"]
            values = [p["order_value"] for p in got]
            assert values == [p.order_value for p in want], f"{where}\norder_by {field} {way}: kith {values}, engine {[p.order_value for p in want]}"
            assert sorted(str(p["id"]) for p in got) == sorted(str(p.id) for p in want), f"{where}\norder_by {field}: ids"

    def some_index(self):
        field, kind = rng.choice([("city", "keyword"), ("tags", "keyword"), ("n", "integer"), ("price", "float"), ("ok", "bool"), ("at", "datetime"), ("place", "geo"), ("uid", "uuid"), ("nested[].k", "integer")])
        if field not in self.indexed:
            self.index(field, kind)

    def index(self, field, kind):
        schema, theirs = kind, getattr(e.PayloadSchemaType, kind.capitalize())
        if kind == "text":
            schema = {"type": "text", "tokenizer": "word", "lowercase": True, "phrase_matching": True}
            theirs = e.TextIndexParams(tokenizer=e.TokenizerType.Word, lowercase=True, phrase_matching=True)
        self.post("/index?wait=true", {"field_name": field, "field_schema": schema}, "PUT")
        (self.shard if kind == "text" else self.indexed_shard).update(e.UpdateOperation.create_field_index(field, theirs))
        self.indexed[field] = kind
        if kind == "text":
            words.append(field)


def main():
    with tempfile.TemporaryDirectory() as folder:
        for distance in ("Cosine", "Dot", "Euclid", "Manhattan"):
            pair = Pair(distance, folder)
            for n in range(ROUNDS // 4):
                for _ in range(3):
                    rng.choice([pair.upsert, pair.upsert, pair.change, pair.change, pair.vectors])()
                if n % 8 == 7:
                    pair.some_index()
                pair.compare()
            kith("DELETE", f"/collections/{pair.name}")
            pair.shard.close()
            pair.indexed_shard.close()
    print(f"qdrant-edge-py: {ROUNDS} rounds of writes and reads agree with the engine (seed {SEED})")


try:
    main()
except BaseException:
    print(f"the comparison with the engine failed, seed {SEED}", file=sys.stderr)
    raise
