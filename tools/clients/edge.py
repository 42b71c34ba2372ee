"""Random filters to a Kith server and to the contract's engine as a library, which
must agree: edge.py URL [SEED]

The grammar leaves out what Kith takes otherwise than the engine, and why:
docs/filters.md. Filters are the contract's JSON on both sides; `condition` turns
it into the library's objects. Half of the rounds run with payload indexes on the
server, which must not change an answer."""
import json
import random
import sys
import tempfile
import urllib.request

import qdrant_edge as e

SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
NAME, POINTS, ROUNDS = "edge-oracle", 300, 600
rng = random.Random(SEED)
STRINGS = ["", "a", "ab", "2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01 00:00:00.5", "2026-1-2T01:00:00+01", "2026-01-02T00:00Z"]
KEYS = ["a", "b", "c", "a.b", "a[]", "a[].b", "a[].b[]", "b[].c", "a[0]", "a[1].b", "a[][]", "b.c.a", "z", '"a"']
SINGLE = [k for k in KEYS if "[]" not in k]  # of one value at most


def value(depth):
    kind = rng.randrange(10 if depth else 7)
    if kind == 0:
        return None
    if kind == 1:
        return rng.random() < 0.5
    if kind == 2:
        return rng.randrange(-3, 4)
    if kind == 3:
        return rng.choice([0.5, 1.0, -2.25])
    if kind < 6:
        return rng.choice(STRINGS)
    if kind == 6:
        return place()
    if kind < 9:
        return [value(depth - 1) for _ in range(rng.randrange(4))]
    return payload(depth - 1)


def payload(depth=3):
    return {k: value(depth) for k in "abc" if rng.random() < 0.6}


def place():
    return {"lon": round(rng.uniform(-180, 180), 1), "lat": round(rng.uniform(-90, 90), 1)}


def ring():
    points = [place() for _ in range(rng.randrange(3, 6))]
    return {"points": points + points[:1]}


def kinds():
    """One kind of condition on a key."""
    bounds = lambda make: {k: make() for k in rng.sample(["lt", "lte", "gt", "gte"], rng.randrange(1, 3))}
    kind = rng.randrange(9)
    if kind == 0:
        return {"match": {"value": rng.choice(["a", "", 1, -2])}}  # the library takes a bool for a number
    if kind == 1:
        return {"match": {rng.choice(["any", "except"]): rng.choice([["a", "ab"], [1, 2, 3], [""]])}}
    if kind == 2:
        return {"match": {"prefix": rng.choice(["", "a", "2026"])}}
    if kind == 3:
        return {"range": bounds(lambda: rng.choice([-2.25, 0.0, 1.0, 2.5]))}
    if kind == 4:
        return {"range": bounds(lambda: rng.choice(["2026-01-01", "2026-01-01T00:00:00.5Z", "2026-01-02T00:00:00+01:00"]))}
    if kind == 5:
        return {"values_count": bounds(lambda: rng.randrange(4))}
    if kind == 6:
        return {"geo_bounding_box": {"top_left": place(), "bottom_right": place()}}
    if kind == 7:
        return {"geo_radius": {"center": place(), "radius": rng.choice([1e5, 2e6, 8e6])}}
    return {"geo_polygon": {"exterior": ring(), "interiors": [ring() for _ in range(rng.randrange(2))]}}


def drawn(depth):
    """One condition as JSON."""
    kind = rng.randrange(12 if depth else 9)
    if kind < 4:
        return {"key": rng.choice(KEYS), **kinds()}
    if kind == 4:
        return {"key": rng.choice(KEYS), **kinds(), **kinds()}
    if kind == 5:
        return {"key": rng.choice(SINGLE), rng.choice(["is_empty", "is_null"]): rng.random() < 0.5}
    if kind == 6:
        return {rng.choice(["is_empty", "is_null"]): {"key": rng.choice(KEYS)}}
    if kind == 7:
        return {"has_id": rng.sample(range(POINTS), 40)}
    if kind == 8:
        return {"has_vector": rng.choice(["", "w", "nope"])}
    if kind == 9:
        return {"nested": {"key": rng.choice(["a", "a[]", "b.c", "a[].b", "c[][]"]), "filter": a_filter(depth - 1)}}
    return a_filter(depth - 1)


def a_filter(depth=2):
    some = lambda most: [drawn(depth) for _ in range(rng.randrange(most + 1))]
    f = {k: v for k, v in (("must", some(2)), ("should", some(2)), ("must_not", some(1))) if v or depth == 2 and rng.random() < 0.1}
    if rng.random() < 0.2:
        f["min_should"] = {"conditions": [drawn(depth) for _ in range(rng.randrange(1, 4))], "min_count": rng.randrange(1, 4)}
    return f


def geo(p):
    return e.GeoPoint(p["lon"], p["lat"])


MATCHES = {"value": e.MatchValue, "any": e.MatchAny, "except": e.MatchExcept, "prefix": e.MatchPrefix}
ON_KEY = {
    "match": lambda m: next(MATCHES[k](v) for k, v in m.items()),
    "range": lambda r: (e.RangeDateTime if any(isinstance(v, str) for v in r.values()) else e.RangeFloat)(**r),
    "values_count": lambda c: e.ValuesCount(**c),
    "geo_bounding_box": lambda b: e.GeoBoundingBox(geo(b["top_left"]), geo(b["bottom_right"])),
    "geo_radius": lambda r: e.GeoRadius(geo(r["center"]), r["radius"]),
    "geo_polygon": lambda p: e.GeoPolygon([geo(x) for x in p["exterior"]["points"]], [[geo(x) for x in i["points"]] for i in p["interiors"]]),
    "is_empty": bool,
    "is_null": bool,
}


def condition(c):
    """The library's form of a condition in the contract's JSON."""
    if "key" in c:
        return e.FieldCondition(c["key"], **{k: ON_KEY[k](v) for k, v in c.items() if k != "key"})
    if "is_empty" in c:
        return e.IsEmptyCondition(c["is_empty"]["key"])
    if "is_null" in c:
        return e.IsNullCondition(c["is_null"]["key"])
    if "has_id" in c:
        return e.HasIdCondition(set(c["has_id"]))
    if "has_vector" in c:
        return e.HasVectorCondition(c["has_vector"])
    if "nested" in c:
        return e.NestedCondition(c["nested"]["key"], whole(c["nested"]["filter"]))
    return whole(c)


def whole(f):
    clause = lambda name: [condition(c) for c in f[name]] if name in f else None
    least = f.get("min_should")
    return e.Filter(must=clause("must"), should=clause("should"), must_not=clause("must_not"),
                    min_should=e.MinShould([condition(c) for c in least["conditions"]], least["min_count"]) if least else None)


def call(method, path, body=None):
    request = urllib.request.Request(sys.argv[1] + path, method=method, data=json.dumps(body).encode() if body is not None else None, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["result"]


def engine(folder, points):
    dense = lambda: e.EdgeVectorParams(2, e.Distance.Dot)
    shard = e.EdgeShard.create(folder, e.EdgeConfig(vectors={"": dense(), "w": dense()}))
    shard.update(e.UpdateOperation.upsert_points([e.Point(p["id"], p["vector"], p["payload"]) for p in points]))
    return shard


def main(folder):
    points = [{"id": i, "vector": {n: [1.0, float(i)] for n in ("", "w") if rng.random() < 0.7}, "payload": payload()} for i in range(POINTS)]
    shard = engine(folder, points)
    call("DELETE", f"/collections/{NAME}")
    call("PUT", f"/collections/{NAME}", {"vectors": {n: {"size": 2, "distance": "Dot"} for n in ("", "w")}})
    call("PUT", f"/collections/{NAME}/points?wait=true", {"points": points})
    for n in range(ROUNDS):
        if n == ROUNDS // 2:
            for field, kind in (("a", "keyword"), ("b", "integer"), ("c", "float"), ("a[].b", "keyword")):
                call("PUT", f"/collections/{NAME}/index?wait=true", {"field_name": field, "field_schema": kind})
        f = a_filter()
        want = sorted(r.id for r in shard.scroll(e.ScrollRequest(limit=POINTS, filter=whole(f)))[0])
        got = [r["id"] for r in call("POST", f"/collections/{NAME}/points/scroll", {"filter": f, "limit": POINTS})["points"]]
        for i in set(want) ^ set(got):
            where = "the engine" if i in want else "Kith"
            raise AssertionError(f"round {n}: {json.dumps(f)}\nonly {where} finds {json.dumps(points[i])}")
    call("DELETE", f"/collections/{NAME}")
    shard.close()
    print(f"qdrant-edge-py: {ROUNDS} random filters agree with the engine (seed {SEED})")


try:
    with tempfile.TemporaryDirectory() as folder:
        main(folder)
except BaseException:
    print(f"edge oracle failed, seed {SEED}", file=sys.stderr)
    raise
