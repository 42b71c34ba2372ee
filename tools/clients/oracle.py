"""Random filtered queries to a Kith server and to qdrant-client's own in-memory
implementation, which must agree: oracle.py URL [SEED]

The grammar has every condition of the contract but what the in-memory mode takes
otherwise than the contract's engine: docs/filters.md lists it."""
import math
import random
import sys
import uuid
from datetime import datetime, timedelta, timezone

from qdrant_client import QdrantClient, models as m

SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
NAME, POINTS, DIM, ROUNDS = "py-oracle", 400, 8, 300
rng = random.Random(SEED)
kith, oracle = QdrantClient(url=sys.argv[1], timeout=30), QdrantClient(":memory:")
CITIES = ["Berlin", "London", "Moscow", "東京", ""]
TITLES = ["a red fox", "Red foxes", "the blue whale", "whale, blue", "naïve café", "日本語"]
DAYS = ["2026-01-01", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05", "2026-01-02T03:04:05.25+02:00", "2025-12-31T23:59:59.999999Z", "no day"]


def vector():
    return [round(rng.gauss(0, 1), 3) for _ in range(DIM)]


def place():
    return {"lon": round(rng.uniform(-180, 180), 2), "lat": round(rng.uniform(-90, 90), 2)}


def payload():
    p = {}
    maybe = lambda key, chance, make: p.update({key: make()}) if rng.random() < chance else None
    maybe("city", 0.8, lambda: rng.choice(CITIES))
    maybe("n", 0.8, lambda: rng.randrange(-5, 20))
    maybe("price", 0.6, lambda: rng.choice([None, 1.5, 2.25, -3.0, [1.0, 9.5], [], 2]))
    maybe("tags", 0.6, lambda: rng.sample("abcde", rng.randrange(4)))
    maybe("ok", 0.5, lambda: rng.random() < 0.5)
    maybe("title", 0.7, lambda: rng.choice([rng.choice(TITLES), rng.sample(TITLES, 2)]))
    maybe("day", 0.7, lambda: rng.choice([rng.choice(DAYS), rng.sample(DAYS, 2)]))
    maybe("place", 0.7, lambda: rng.choice([place(), [place(), place()], {"lon": 1}, "nowhere"]))
    maybe("deep", 0.5, lambda: {"list": [{"x": rng.randrange(4), "y": rng.choice([[], [1], [1, 2], None])} for _ in range(rng.randrange(3))]})
    return p


def geo():
    point = lambda: m.GeoPoint(**place())
    kind = rng.randrange(3)
    if kind == 0:
        return {"geo_bounding_box": m.GeoBoundingBox(top_left=point(), bottom_right=point())}
    if kind == 1:
        return {"geo_radius": m.GeoRadius(center=point(), radius=rng.choice([1e5, 2e6, 8e6]))}
    around = lambda ps: sorted(ps, key=lambda p: math.atan2(p.lat - sum(q.lat for q in ps) / len(ps), p.lon - sum(q.lon for q in ps) / len(ps)))
    ring = lambda: around([point() for _ in range(rng.randrange(3, 6))])  # that does not cross itself
    rings = [r + r[:1] for r in (ring() for _ in range(rng.randrange(1, 3)))]
    return {"geo_polygon": m.GeoPolygon(exterior=m.GeoLineString(points=rings[0]), interiors=[m.GeoLineString(points=r) for r in rings[1:]] or None)}


def datetimes():
    day = lambda: datetime(2025, 12, 31, tzinfo=timezone.utc) + timedelta(seconds=rng.choice([0, 86399.999999, 86400, 172800 + 3845, 300000]))
    return m.DatetimeRange(**{k: day() for k in rng.sample(["lt", "lte", "gt", "gte"], rng.randrange(1, 3))})


def texts():
    words = " ".join(rng.sample(["red", "fox", "blue", "whale", "Red", "caf", "本"], rng.randrange(1, 3)))
    return rng.choice([m.MatchText(text=words), m.MatchTextAny(text_any=words), m.MatchPhrase(phrase=words), m.MatchPrefix(prefix=words[: rng.randrange(4)])])


def nested(depth):
    inner = lambda: rng.choice([
        m.FieldCondition(key="x", match=m.MatchValue(value=rng.randrange(4))),
        m.FieldCondition(key="y", values_count=m.ValuesCount(gte=rng.randrange(3))),
        m.IsEmptyCondition(is_empty=m.PayloadField(key="y")),
        m.HasIdCondition(has_id=[1]),
    ])
    f = m.Filter(must=[inner() for _ in range(rng.randrange(1, 3))], must_not=[inner()] if rng.random() < 0.3 else None)
    return m.NestedCondition(nested=m.Nested(key=rng.choice(["deep.list", "deep.list[]"]), filter=f))


def condition(ids, depth):
    kind = rng.randrange(16 if depth else 15)
    field = lambda key, **kw: m.FieldCondition(key=key, **kw)
    if kind == 0:
        return field("city", match=m.MatchValue(value=rng.choice(CITIES)))
    if kind == 1:
        return field("n", match=m.MatchAny(any=rng.sample(range(-5, 20), 4)))
    if kind == 2:
        return field("tags", match=m.MatchExcept(**{"except": rng.sample("abcde", 2)}))
    if kind == 3:
        low = rng.randrange(-6, 20)
        return field(rng.choice(["n", "price"]), range=m.Range(gte=low, lt=low + rng.randrange(12)))
    if kind == 4:
        return m.HasIdCondition(has_id=rng.sample(ids, 30))
    if kind == 5:
        return m.IsEmptyCondition(is_empty=m.PayloadField(key=rng.choice(["price", "tags", "n", "nothing", "deep.list[].y", "deep.list"])))
    if kind == 6:
        return m.IsNullCondition(is_null=m.PayloadField(key=rng.choice(["price", "city", "deep.list[].y"])))
    if kind == 7:
        return field("ok", match=m.MatchValue(value=rng.random() < 0.5))
    if kind == 8:
        return field(rng.choice(["deep.list[].x", "deep.list[0].x", "deep.list.x", "deep.list[].y"]), match=m.MatchValue(value=rng.randrange(4)))
    if kind == 9:
        return field("title", match=texts())
    if kind == 10:
        return field("day", range=datetimes())
    if kind == 11:
        return field("place", **geo())
    if kind == 12:
        return field(rng.choice(["tags", "title", "nothing", "price", "deep.list", "deep.list[].y"]), values_count=m.ValuesCount(**{rng.choice(["lt", "lte", "gt", "gte"]): rng.randrange(4)}))
    if kind == 13:
        return rng.choice([m.HasVectorCondition(has_vector=rng.choice(["", "other"])), m.SliceCondition(slice=m.Slice(index=rng.randrange(3), total=3))])
    if kind == 14:
        return nested(depth)
    return a_filter(ids, depth - 1)


def a_filter(ids, depth=2):
    some = lambda most: [condition(ids, depth) for _ in range(rng.randrange(most + 1))]
    # the in-memory mode takes an empty should for false, the server for absent
    f = m.Filter(must=some(2) or None, should=some(2) or None, must_not=some(1) or None)
    if rng.random() < 0.2:
        f.min_should = m.MinShould(conditions=[condition(ids, depth) for _ in range(3)], min_count=rng.randrange(1, 4))
    return f


def same(want, got, what):
    assert [p.id for p in want] == [p.id for p in got], f"{what}\nwant {[p.id for p in want]}\ngot  {[p.id for p in got]}"


def main():
    kith.delete_collection(NAME)
    ids = [i if i % 3 else str(uuid.UUID(int=rng.getrandbits(128), version=4)) for i in range(1, POINTS + 1)]
    points = [m.PointStruct(id=i, vector=vector(), payload=payload()) for i in ids]
    for c in (kith, oracle):
        c.create_collection(NAME, vectors_config=m.VectorParams(size=DIM, distance=m.Distance.EUCLID))
        c.upsert(NAME, points=points, wait=True)
    numbers, words = [i for i in ids if isinstance(i, int)], sorted(i for i in ids if isinstance(i, str))
    order = {i: at for at, i in enumerate(sorted(numbers) + words)}
    for n in range(ROUNDS):
        if n == ROUNDS // 2:  # the second half with payload indexes
            for field, kind in (("city", "keyword"), ("n", "integer"), ("price", "float"), ("ok", "bool"), ("tags", "keyword")):
                kith.create_payload_index(NAME, field, kind, wait=True)
        f = a_filter(ids)
        want = oracle.scroll(NAME, scroll_filter=f, limit=POINTS)[0]
        want.sort(key=lambda p: order[p.id])
        got = kith.scroll(NAME, scroll_filter=f, limit=POINTS)[0]
        same(want, got, f"round {n}: scroll with {f.model_dump_json(exclude_unset=True)}")
        assert [p.payload for p in want] == [p.payload for p in got], n
        assert kith.count(NAME, count_filter=f).count == len(want), n
        v, exact = vector(), rng.random() < 0.5
        want = oracle.query_points(NAME, query=v, query_filter=f, limit=10).points
        got = kith.query_points(NAME, query=v, query_filter=f, limit=10, search_params=m.SearchParams(exact=exact)).points
        assert len(want) == len(got), f"round {n}: {len(got)} points, want {len(want)}"
        for a, b in zip(want, got):
            assert abs(a.score - b.score) < 1e-3, f"round {n}: {a} {b}"
    kith.delete_collection(NAME)
    print(f"qdrant-client: {ROUNDS} random filters agree with its in-memory implementation (seed {SEED})")


try:
    main()
except BaseException:
    print(f"oracle failed, seed {SEED}", file=sys.stderr)
    raise
