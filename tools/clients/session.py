"""A session of qdrant-client with a Kith server: session.py URL"""
import sys

from qdrant_client import QdrantClient, models as m
from qdrant_client.http.exceptions import UnexpectedResponse

client = QdrantClient(url=sys.argv[1], timeout=30)
NAME, NAMED = "py-session", "py-session-named"
UUID = "936da01f-9abd-4d9d-80c7-02af85c822a8"


def ids(points):
    return [p.id for p in points]


def refused(status, words, call):
    try:
        call()
    except UnexpectedResponse as e:
        assert e.status_code == status, e
        assert words in e.content.decode(), e
        return
    raise AssertionError(f"no error, {status} was due")


def match(key, value):
    return m.FieldCondition(key=key, match=m.MatchValue(value=value))


def collections():
    for name in (NAME, NAMED, "py-changes"):
        client.delete_collection(name)
    assert client.create_collection(NAME, vectors_config=m.VectorParams(size=4, distance=m.Distance.COSINE), metadata={"team": "ö"})
    refused(409, NAME, lambda: client.create_collection(NAME, vectors_config=m.VectorParams(size=4, distance=m.Distance.COSINE)))
    assert client.collection_exists(NAME) and not client.collection_exists("py-none")
    assert NAME in [c.name for c in client.get_collections().collections]
    info = client.get_collection(NAME)
    assert info.status == m.CollectionStatus.GREEN and info.points_count == 0
    assert info.config.params.vectors.size == 4
    assert info.config.hnsw_config.m == 16 and info.config.hnsw_config.ef_construct == 100
    assert info.config.metadata == {"team": "ö"}
    assert client.update_collection(NAME, optimizers_config=m.OptimizersConfigDiff(indexing_threshold=5000))
    assert client.get_collection(NAME).config.optimizer_config.indexing_threshold == 5000
    refused(404, "py-none", lambda: client.get_collection("py-none"))


def upserts():
    done = client.upsert(NAME, wait=True, points=[
        m.PointStruct(id=1, vector=[1, 0, 0, 0], payload={"city": "Berlin", "n": 1, "tags": ["a", "b"], "items": [{"k": 1, "v": "x"}, {"k": 2, "v": "y"}]}),
        m.PointStruct(id=2, vector=[0.9, 0.1, 0, 0], payload={"city": "London", "n": 2}),
        m.PointStruct(id=3, vector=[0, 1, 0, 0], payload={"city": "Moscow", "n": 3, "price": 1.5}),
        m.PointStruct(id=UUID.upper(), vector=[0, 0, 0, 2], payload={"city": "東京", "ok": True}),
    ])
    assert done.status == m.UpdateStatus.COMPLETED
    client.upsert(NAME, wait=True, points=m.Batch(ids=[4, 5], vectors=[[0, 0, 1, 0], [1, 1, 1, 1]], payloads=[{"price": None}, {}]))
    client.upload_points(NAME, (m.PointStruct(id=i, vector=[i, 1, 2, 3], payload={"n": i}) for i in range(100, 350)), batch_size=64, wait=True)
    assert client.count(NAME).count == 256
    refused(400, "dim", lambda: client.upsert(NAME, points=[m.PointStruct(id=9, vector=[1.0])]))
    assert client.delete(NAME, points_selector=m.Filter(must=[m.FieldCondition(key="n", range=m.Range(gte=100))]), wait=True).status == m.UpdateStatus.COMPLETED
    assert client.count(NAME, exact=True).count == 6


def reads():
    (one,) = client.retrieve(NAME, ids=[UUID], with_vectors=True)
    assert one.id == UUID and one.payload == {"city": "東京", "ok": True} and one.vector == [0, 0, 0, 1], one
    assert ids(client.retrieve(NAME, ids=[3, 77, 1], with_payload=False)) == [3, 1]
    page, after = client.scroll(NAME, limit=2)
    assert ids(page) == [1, 2] and after == 3 and page[0].payload["city"] == "Berlin"
    page, after = client.scroll(NAME, limit=50, offset=after, with_payload=m.PayloadSelectorExclude(exclude=["city"]))
    assert ids(page) == [3, 4, 5, UUID] and after is None and page[0].payload == {"n": 3, "price": 1.5}


def filters():
    client.create_payload_index(NAME, "city", m.PayloadSchemaType.KEYWORD, wait=True)
    client.create_payload_index(NAME, "price", m.PayloadSchemaType.FLOAT, wait=True)
    client.create_payload_index(NAME, "ok", m.PayloadSchemaType.BOOL, wait=True)
    client.create_payload_index(NAME, "n", m.IntegerIndexParams(type=m.IntegerIndexType.INTEGER, lookup=True, range=True), wait=True)
    schema = client.get_collection(NAME).payload_schema
    assert schema["city"].data_type == m.PayloadSchemaType.KEYWORD and schema["city"].points == 4
    assert schema["n"].points == 3
    cases = [
        (m.Filter(must=[match("city", "Berlin")]), [1]),
        (m.Filter(must=[m.FieldCondition(key="city", match=m.MatchAny(any=["London", "東京"]))]), [2, UUID]),
        (m.Filter(must=[m.FieldCondition(key="city", match=m.MatchExcept(**{"except": ["Berlin"]}))]), [2, 3, UUID]),
        (m.Filter(must=[m.FieldCondition(key="n", range=m.Range(gt=1))]), [2, 3]),
        (m.Filter(must=[m.FieldCondition(key="price", range=m.Range(lt=1.6, gte=1.5))]), [3]),
        (m.Filter(must=[m.IsNullCondition(is_null=m.PayloadField(key="price"))]), [4]),
        (m.Filter(must=[m.IsEmptyCondition(is_empty=m.PayloadField(key="price"))]), [1, 2, 4, 5, UUID]),
        (m.Filter(must_not=[m.HasIdCondition(has_id=[1, 2, UUID])]), [3, 4, 5]),
        (m.Filter(should=[match("ok", True), match("tags", "a")]), [1, UUID]),
        (m.Filter(must=[match("items[].v", "y")]), [1]),
        (m.Filter(must=[m.Filter(should=[match("n", 1), match("n", 2)]), m.Filter(must_not=[match("city", "London")])]), [1]),
        (m.Filter(min_should=m.MinShould(min_count=2, conditions=[match("n", 1), match("city", "Berlin"), match("n", 2)])), [1]),
    ]
    for f, want in cases:
        assert ids(client.scroll(NAME, scroll_filter=f, limit=50)[0]) == want, (f, want)
        assert client.count(NAME, count_filter=f).count == len(want), f
    client.delete_payload_index(NAME, "n", wait=True)
    assert "n" not in client.get_collection(NAME).payload_schema


def queries():
    found = client.query_points(NAME, query=[1.0, 0, 0, 0], limit=2, with_payload=["city"], with_vectors=True).points
    assert ids(found) == [1, 2] and abs(found[0].score - 1) < 1e-6 and found[0].payload == {"city": "Berlin"} and len(found[0].vector) == 4
    assert found[0].version > 0
    assert 1 not in ids(client.query_points(NAME, query=1, limit=10).points)
    assert ids(client.query_points(NAME, query=m.NearestQuery(nearest=[1.0, 0, 0, 0]), score_threshold=0.9).points) == [1, 2]
    exact = client.query_points(NAME, query=[0.0, 0, 1, 0], search_params=m.SearchParams(exact=True), limit=1, offset=1)
    assert ids(exact.points) == [5], exact
    assert ids(client.query_points(NAME, query=[0.0, 1, 0, 0], query_filter=m.Filter(must=[match("city", "London")])).points) == [2]
    assert ids(client.query_points(NAME, limit=3).points) == [1, 2, 3]
    batch = client.query_batch_points(NAME, requests=[m.QueryRequest(query=[0.0, 1, 0, 0], limit=1), m.QueryRequest(query=4, limit=1)])
    assert [ids(b.points) for b in batch] == [[3], [5]], batch
    refused(400, "dim", lambda: client.query_points(NAME, query=[1.0]))


def by_value():
    hits = client.facet(NAME, key="city", exact=True, facet_filter=m.Filter(must_not=[match("city", "London")])).hits
    assert [(h.value, h.count) for h in hits] == [("Berlin", 1), ("Moscow", 1), ("東京", 1)], hits
    refused(400, "tags", lambda: client.facet(NAME, key="tags"))
    page, after = client.scroll(NAME, order_by=m.OrderBy(key="price", direction=m.Direction.DESC, start_from=2), limit=5)
    assert [(p.id, p.order_value) for p in page] == [(3, 1.5)] and after is None
    refused(400, "No range index", lambda: client.scroll(NAME, order_by="city"))
    assert client.count(NAME, exact=False).count == 6
    groups = client.query_points_groups(NAME, group_by="city", query=[1.0, 0, 0, 0], limit=2, group_size=2, with_payload=["n"], with_lookup=NAME).groups
    assert [(g.id, ids(g.hits), g.hits[0].payload, g.lookup) for g in groups] == [("Berlin", [1], {"n": 1}, None), ("London", [2], {"n": 2}, None)], groups
    (group,) = client.query_points_groups(NAME, group_by="n", limit=1, with_lookup=m.WithLookup(collection=NAME, with_payload=["city"])).groups
    assert group.id == 1 and group.lookup.id == 1 and group.lookup.payload == {"city": "Berlin"}, group
    pairs = client.search_matrix_pairs(NAME, sample=50, limit=1).pairs
    assert len(pairs) == 6 and (pairs[0].a, pairs[0].b) == (1, 2), pairs
    matrix = client.search_matrix_offsets(NAME, sample=50, limit=2)
    assert matrix.ids[-1] == UUID and len(matrix.offsets_row) == len(matrix.offsets_col) == len(matrix.scores) == 12, matrix
    far = client.query_points(NAME, query=1, lookup_from=m.LookupLocation(collection=NAME), limit=1).points
    assert ids(far) == [2], far


def payloads():
    def read(i):
        return client.retrieve(NAME, ids=[i])[0].payload

    client.set_payload(NAME, payload={"n": 10, "x": {"a": 1}}, points=[2], wait=True)
    assert read(2) == {"city": "London", "n": 10, "x": {"a": 1}}
    client.set_payload(NAME, payload={"b": 2}, points=[2], key="x", wait=True)
    assert read(2)["x"] == {"a": 1, "b": 2}
    client.set_payload(NAME, payload={"land": "DE"}, points=m.Filter(must=[match("city", "Berlin")]), wait=True)
    assert read(1)["land"] == "DE"
    client.delete_payload(NAME, keys=["x.a", "city"], points=[2], wait=True)
    assert read(2) == {"n": 10, "x": {"b": 2}}
    client.overwrite_payload(NAME, payload={"only": 1}, points=[2], wait=True)
    assert read(2) == {"only": 1}
    client.clear_payload(NAME, points_selector=[2], wait=True)
    assert not read(2)


def aliases():
    client.update_collection_aliases([m.CreateAliasOperation(create_alias=m.CreateAlias(collection_name=NAME, alias_name="py-alias"))])
    assert client.count("py-alias").count == 6
    client.update_collection_aliases([m.RenameAliasOperation(rename_alias=m.RenameAlias(old_alias_name="py-alias", new_alias_name="py-other"))])
    assert [a.alias_name for a in client.get_collection_aliases(NAME).aliases] == ["py-other"]
    assert "py-other" in [a.alias_name for a in client.get_aliases().aliases]
    client.update_collection_aliases([m.DeleteAliasOperation(delete_alias=m.DeleteAlias(alias_name="py-other"))])
    refused(404, "py-other", lambda: client.count("py-other"))


def named_vectors():
    client.create_collection(NAMED, shard_number=2, vectors_config={
        "image": m.VectorParams(size=3, distance=m.Distance.EUCLID),
        "text": m.VectorParams(size=2, distance=m.Distance.DOT, hnsw_config=m.HnswConfigDiff(m=8)),
    })
    client.upsert(NAMED, wait=True, points=[
        m.PointStruct(id=1, vector={"image": [1, 2, 3], "text": [1, 1]}),
        m.PointStruct(id=2, vector={"image": [4, 6, 3]}),
        m.PointStruct(id=3, vector={"text": [3, -1]}),
    ])
    found = client.query_points(NAMED, query=[1.0, 2, 3], using="image", with_vectors=["image"]).points
    assert [(p.id, p.score) for p in found] == [(1, 0), (2, 5)] and found[1].vector == {"image": [4, 6, 3]}, found
    assert [(p.id, p.score) for p in client.query_points(NAMED, query=1, using="text").points] == [(3, 2)]
    refused(400, "none", lambda: client.query_points(NAMED, query=[1.0], using="none"))


def changes():
    """Vectors of points and of the collection, conditions and batches: the same on the server and in the client's memory."""
    local = QdrantClient(":memory:")
    x_is = lambda n: m.Filter(must=[match("x", n)])
    for c in (client, local):
        c.create_collection("py-changes", vectors_config={"a": m.VectorParams(size=2, distance=m.Distance.DOT)})
        c.upsert("py-changes", [m.PointStruct(id=i, vector={"a": [i, i + 1]}, payload={"x": i}) for i in (1, 2)], wait=True)
        c.create_vector_name("py-changes", "b", m.DenseVectorNameConfig(dense=m.DenseVectorConfig(size=3, distance=m.Distance.EUCLID)))
        c.update_vectors("py-changes", [m.PointVectors(id=1, vector={"b": [3, 4, 0]})])
        c.update_vectors("py-changes", [m.PointVectors(id=i, vector={"a": [9, 9]}) for i in (1, 2)], update_filter=x_is(2))
        c.upsert("py-changes", [m.PointStruct(id=i, vector={"a": [0, i]}) for i in (1, 3)], update_mode=m.UpdateMode.INSERT_ONLY, wait=True)
        c.upsert("py-changes", m.Batch(ids=[2, 4], vectors={"a": [[5, 5], [6, 6]]}), update_mode=m.UpdateMode.UPDATE_ONLY, wait=True)
        c.upsert("py-changes", [m.PointStruct(id=i, vector={"a": [7, i]}) for i in (1, 5)], update_filter=x_is(7), wait=True)
    the_same(local)
    point = m.PointStruct(id=9, vector={"a": [1, 1], "b": [1, 0, 0]}, payload={"q": 1})
    for c in (client, local):
        c.batch_update_points("py-changes", [
            m.UpsertOperation(upsert=m.PointsList(points=[point])),
            m.SetPayloadOperation(set_payload=m.SetPayload(payload={"w": 2}, points=[9], key="q.r")),
            m.UpdateVectorsOperation(update_vectors=m.UpdateVectors(points=[m.PointVectors(id=9, vector={"a": [8, 8]})])),
            m.DeleteVectorsOperation(delete_vectors=m.DeleteVectors(points=[9], vector=["b"])),
            m.OverwritePayloadOperation(overwrite_payload=m.SetPayload(payload={"o": 1}, points=[2])),
            m.ClearPayloadOperation(clear_payload=m.PointIdsList(points=[3])),
            m.DeletePayloadOperation(delete_payload=m.DeletePayload(keys=["x"], points=[1])),
            m.DeleteOperation(delete=m.PointIdsList(points=[5])),
        ], wait=True)
    the_same(local)
    refused(404, "77", lambda: client.update_vectors("py-changes", [m.PointVectors(id=77, vector={"a": [1, 1]})]))
    refused(400, "zz", lambda: client.delete_vectors("py-changes", ["zz"], points=[1]))
    for c in (client, local):
        c.delete_vectors("py-changes", ["a"], points=m.Filter(must=[m.HasIdCondition(has_id=[2])]))
        c.delete_vector_name("py-changes", "b")
    the_same(local)
    assert list(client.get_collection("py-changes").config.params.vectors) == ["a"]
    client.delete_collection("py-changes")


def the_same(local):
    have, want = ({p.id: (p.vector, p.payload) for p in c.scroll("py-changes", limit=50, with_vectors=True)[0]} for c in (client, local))
    assert have == want, (have, want)


def deletes():
    client.delete(NAME, points_selector=[1, 999], wait=True)
    assert client.retrieve(NAME, ids=[1]) == []
    assert ids(client.scroll(NAME, limit=50)[0]) == [2, 3, 4, 5, UUID]
    for name in (NAME, NAMED):
        assert client.delete_collection(name)
    assert not client.collection_exists(NAME)


for step in (collections, upserts, reads, filters, queries, by_value, payloads, aliases, named_vectors, changes, deletes):
    try:
        step()
    except BaseException:
        print(f"qdrant-client: {step.__name__} failed", file=sys.stderr)
        raise
print("qdrant-client: all of the session holds")
