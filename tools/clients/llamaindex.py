"""The usual flow of LlamaIndex's Qdrant store: nodes in, filtered queries,
retrieval by id, deletion by document, asynchronous too."""
import asyncio, sys
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition, FilterOperator, MetadataFilter, MetadataFilters, VectorStoreQuery)
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import AsyncQdrantClient, QdrantClient

url = sys.argv[1]
client, aclient = QdrantClient(url=url), AsyncQdrantClient(url=url)
store = QdrantVectorStore(collection_name="llamaindex", client=client, aclient=aclient)


def node(i, doc):
    return TextNode(id_=f"00000000-0000-4000-8000-{i:012d}", text=f"text {i}", embedding=[float(i), 1.0, 0.5],
                    metadata={"i": i, "kind": "odd" if i % 2 else "even", "tags": ["all", f"t{i % 3}"]},
                    relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=doc)})


nodes = [node(i, "doc-a" if i < 12 else "doc-b") for i in range(20)]
assert len(store.add(nodes)) == 20
assert client.count("llamaindex").count == 20

found = store.query(VectorStoreQuery(query_embedding=[19.0, 1.0, 0.5], similarity_top_k=5))
assert len(found.ids) == 5 and found.similarities == sorted(found.similarities, reverse=True), found

odd = MetadataFilters(filters=[MetadataFilter(key="kind", value="odd"),
                               MetadataFilter(key="i", value=10, operator=FilterOperator.GT)])
found = store.query(VectorStoreQuery(query_embedding=[0.0, 1.0, 0.5], similarity_top_k=20, filters=odd))
assert sorted(n.metadata["i"] for n in found.nodes) == [11, 13, 15, 17, 19], found

either = MetadataFilters(condition=FilterCondition.OR, filters=[
    MetadataFilter(key="i", value=[1, 2], operator=FilterOperator.IN),
    MetadataFilter(key="i", value=18, operator=FilterOperator.GTE)])
found = store.query(VectorStoreQuery(query_embedding=[1.0, 1.0, 0.5], similarity_top_k=20, filters=either))
assert sorted(n.metadata["i"] for n in found.nodes) == [1, 2, 18, 19], found

got = store.get_nodes(node_ids=[nodes[3].node_id])
assert [n.metadata["i"] for n in got] == [3], got
store.delete("doc-a")
assert client.count("llamaindex").count == 8
store.delete_nodes(node_ids=[nodes[19].node_id])
assert client.count("llamaindex").count == 7


async def later():
    await store.async_add([node(30, "doc-c")])
    found = await store.aquery(VectorStoreQuery(query_embedding=[30.0, 1.0, 0.5], similarity_top_k=1))
    assert found.nodes[0].metadata["i"] == 30 or found.similarities[0] > 0.99, found
    await store.adelete("doc-c")
    await aclient.close()


asyncio.run(later())
assert client.count("llamaindex").count == 7
store.clear()
print("llamaindex: ok")
