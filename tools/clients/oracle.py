"""Random filtered queries to a Kith server and to qdrant-client's own in-memory
implementation, which must agree: oracle.py URL [SEED]"""
import random
import sys
import uuid

from qdrant_client import QdrantClient, models as m

SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
NAME, POINTS, DIM, ROUNDS = "py-oracle", 400, 8, 300
rng = random.Random(SEED)
kith, oracle = QdrantClient(url=sys.argv[1], timeout=30), QdrantClient(":memory:")
CITIES = ["Berlin", "London", "Moscow", "東京", ""]


def vector():
    return [round(rng.gauss(0, 1), 3) for _ in range(DIM)]


def payload():
    p = {}
    if rng.random() < 0.8:
        p["city"] = rng.choice(CITIES)
    if rng.random() < 0.8:
        p["n"] = rng.randrange(-5, 20)
    if rng.random() < 0.6:
        p["price"] = rng.choice([None, 1.5, 2.25, -3.0, [1.0, 9.5], []])
    if rng.random() < 0.6:
        p["tags"] = rng.sample("abcde", rng.randrange(4))
    if rng.random() < 0.5:
        p["ok"] = rng.random() < 0.5
    if rng.random() < 0.5:
        p["deep"] = {"list": [{"x": rng.randrange(4)} for _ in range(rng.randrange(3))]}
    return p


def condition(ids, depth):
    kind = rng.randrange(9 if depth else 8)
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
        return m.IsEmptyCondition(is_empty=m.PayloadField(key=rng.choice(["price", "tags", "n", "nothing"])))
    if kind == 6:
        return m.IsNullCondition(is_null=m.PayloadField(key=rng.choice(["price", "city"])))
    if kind == 7:
        return rng.choice([field("ok", match=m.MatchValue(value=True)), field("deep.list[].x", match=m.MatchValue(value=rng.randrange(4)))])
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
