// The usual flow of @langchain/qdrant: documents in, similarity search with a
// filter and scores, deletion by id, and an existing collection taken up again.
import assert from "node:assert/strict";
import { QdrantVectorStore } from "@langchain/qdrant";
import { FakeEmbeddings } from "@langchain/core/utils/testing";
import { Document } from "@langchain/core/documents";
import { Embeddings } from "@langchain/core/embeddings";

// Words embedded by their letters: texts that share letters are near.
class Letters extends Embeddings {
  constructor() { super({}); }
  async embedQuery(text) {
    const v = new Array(26).fill(0.01);
    for (const c of text.toLowerCase()) {
      const i = c.charCodeAt(0) - 97;
      if (i >= 0 && i < 26) v[i] += 1;
    }
    return v;
  }
  async embedDocuments(texts) { return Promise.all(texts.map((t) => this.embedQuery(t))); }
}

const url = process.argv[2];
assert.ok(new FakeEmbeddings());
const options = { url, collectionName: `langchain_${process.pid}` };
const docs = [["a cat sat", "en"], ["the cats eat", "en"], ["zwölf boxkämpfer", "de"], ["jeder wackere bayer", "de"]]
  .map(([pageContent, lang], i) => new Document({ pageContent, metadata: { lang, i } }));

const store = await QdrantVectorStore.fromDocuments(docs, new Letters(), options);
const near = await store.similaritySearchWithScore("cat", 2);
assert.equal(near.length, 2);
assert.equal(near[0][0].metadata.lang, "en");
assert.ok(near[0][1] >= near[1][1]);

const filter = { must: [{ key: "metadata.lang", match: { value: "de" } }] };
const german = await store.similaritySearch("cat", 4, filter);
assert.deepEqual(german.map((d) => d.metadata.lang), ["de", "de"]);

const again = await QdrantVectorStore.fromExistingCollection(new Letters(), options);
await again.addDocuments([new Document({ pageContent: "cat cat cat", metadata: { lang: "en", i: 4 } })]);
const [best] = await again.similaritySearch("cat", 1);
assert.equal(best.metadata.i, 4);

await again.delete({ filter: { must: [{ key: "metadata.lang", match: { value: "en" } }] } });
const left = await again.similaritySearch("cat", 10);
assert.deepEqual([...new Set(left.map((d) => d.metadata.lang))], ["de"]);

await store.client.deleteCollection(options.collectionName);
console.log("langchain: ok");
