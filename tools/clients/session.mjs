// A session of @qdrant/js-client-rest with a Kith server: node session.mjs URL
import assert from 'node:assert/strict';
import { QdrantClient } from '@qdrant/js-client-rest';

const client = new QdrantClient({ url: process.argv[2] });
const name = 'js-session', named = 'js-session-named', uuid = '936da01f-9abd-4d9d-80c7-02af85c822a8';
const ids = (points) => points.map((p) => p.id);
const close = (a, b) => assert.ok(Math.abs(a - b) < 1e-5, `${a} is not near ${b}`);

async function refused(status, call, words) {
  await assert.rejects(call, (e) => {
    assert.equal(e.status, status, `${e}`);
    const text = JSON.stringify(e.data ?? '');
    assert.ok(text.includes(words), `${text} does not name ${words}`);
    return true;
  });
}

async function collections() {
  assert.equal((await client.versionInfo()).version.split('.').slice(0, 2).join('.'), '1.19');
  for (const c of [name, named]) await client.deleteCollection(c);
  assert.equal(await client.createCollection(name, { vectors: { size: 4, distance: 'Cosine' }, hnsw_config: { m: 24 } }), true);
  await refused(409, () => client.createCollection(name, { vectors: { size: 4, distance: 'Cosine' } }), name);
  assert.equal((await client.collectionExists(name)).exists, true);
  assert.equal((await client.collectionExists('js-none')).exists, false);
  assert.ok((await client.getCollections()).collections.some((c) => c.name === name));
  const info = await client.getCollection(name);
  assert.equal(info.status, 'green');
  assert.equal(info.optimizer_status, 'ok');
  assert.equal(info.config.params.vectors.size, 4);
  assert.equal(info.config.params.vectors.distance, 'Cosine');
  assert.equal(info.config.hnsw_config.m, 24);
  assert.equal(info.points_count, 0);
  assert.equal(await client.updateCollection(name, { hnsw_config: { ef_construct: 123 } }), true);
  assert.equal((await client.getCollection(name)).config.hnsw_config.ef_construct, 123);
  await refused(404, () => client.getCollection('js-none'), 'js-none');
}

async function upserts() {
  const done = await client.upsert(name, {
    wait: true,
    points: [
      { id: 1, vector: [1, 0, 0, 0], payload: { city: 'Berlin', n: 1, tags: ['a', 'b'], deep: { x: 1 } } },
      { id: 2, vector: [0.9, 0.1, 0, 0], payload: { city: 'London', n: 2, tags: ['b'] } },
      { id: 3, vector: [0, 1, 0, 0], payload: { city: 'Moscow', n: 3, price: 1.5 } },
      { id: 4, vector: [0, 0, 1, 0], payload: { city: 'Berlin', n: 4, price: null } },
      { id: uuid, vector: [0, 0, 0, 2], payload: { city: '東京', n: 5, ok: true } },
      { id: 6, vector: [0.5, 0.5, 0.5, 0.5] },
    ],
  });
  assert.equal(done.status, 'completed');
  const more = await client.upsert(name, {
    wait: true,
    batch: { ids: [7, 8], vectors: [[0, 0, 0.1, 1], [0, 0, 1, 1]], payloads: [{ n: 7 }, null] },
  });
  assert.ok(more.operation_id > done.operation_id);
  assert.equal((await client.upsert(name, { wait: false, points: [{ id: 9, vector: [1, 1, 1, 1] }] })).status, 'acknowledged');
  await refused(400, () => client.upsert(name, { wait: true, points: [{ id: 10, vector: [1, 2] }] }), 'dim');
  await refused(404, () => client.upsert('js-none', { wait: true, points: [{ id: 10, vector: [1, 2] }] }), 'js-none');
  await client.delete(name, { wait: true, points: [9] });
  assert.equal((await client.count(name, { exact: true })).count, 8);
}

async function reads() {
  const [one] = await client.retrieve(name, { ids: [uuid], with_payload: true, with_vector: true });
  assert.equal(one.id, uuid);
  assert.deepEqual(one.payload, { city: '東京', n: 5, ok: true });
  assert.deepEqual(one.vector, [0, 0, 0, 1]); // normalised
  assert.deepEqual(ids(await client.retrieve(name, { ids: [3, 99, 1] })), [3, 1]);
  const first = await client.scroll(name, { limit: 3 });
  assert.deepEqual(ids(first.points), [1, 2, 3]);
  assert.equal(first.next_page_offset, 4);
  assert.equal(first.points[0].payload.city, 'Berlin');
  const rest = await client.scroll(name, { limit: 100, offset: 4, with_payload: ['city'], with_vector: true });
  assert.deepEqual(ids(rest.points), [4, 6, 7, 8, uuid]); // integers before UUIDs
  assert.equal(rest.next_page_offset, null);
  assert.deepEqual(rest.points.at(-1).payload, { city: '東京' });
}

async function filters() {
  await client.createPayloadIndex(name, { field_name: 'city', field_schema: 'keyword', wait: true });
  await client.createPayloadIndex(name, { field_name: 'n', field_schema: 'integer', wait: true });
  const schema = (await client.getCollection(name)).payload_schema;
  assert.equal(schema.city.data_type, 'keyword');
  assert.equal(schema.n.points, 6);
  const cases = [
    [{ must: [{ key: 'city', match: { value: 'Berlin' } }] }, [1, 4]],
    [{ must: [{ key: 'city', match: { any: ['London', '東京'] } }] }, [2, uuid]],
    [{ must: [{ key: 'city', match: { except: ['Berlin'] } }] }, [2, 3, uuid]],
    [{ must: [{ key: 'n', range: { gt: 2, lte: 5 } }] }, [3, 4, uuid]],
    [{ must: [{ key: 'tags', match: { value: 'b' } }], must_not: [{ key: 'n', match: { value: 2 } }] }, [1]],
    [{ should: [{ has_id: [1, uuid] }, { key: 'price', range: { gte: 1 } }] }, [1, 3, uuid]],
    [{ must: [{ is_empty: { key: 'city' } }] }, [6, 7, 8]],
    [{ must: [{ is_null: { key: 'price' } }] }, [4]],
    [{ must: [{ key: 'deep.x', match: { value: 1 } }] }, [1]],
    [{ must: [{ key: 'tags[]', match: { value: 'a' } }] }, [1]],
    [{ must: [{ key: 'ok', match: { value: true } }] }, [uuid]],
    [{ min_should: { min_count: 2, conditions: [{ has_id: [1, 2] }, { key: 'n', range: { lt: 2 } }, { key: 'city', match: { value: 'Berlin' } }] } }, [1]],
    [{}, [1, 2, 3, 4, 6, 7, 8, uuid]],
  ];
  for (const [filter, want] of cases) {
    assert.deepEqual(ids((await client.scroll(name, { filter, limit: 100 })).points), want, JSON.stringify(filter));
    assert.equal((await client.count(name, { filter, exact: true })).count, want.length, JSON.stringify(filter));
  }
  await client.deletePayloadIndex(name, 'n', { wait: true });
  assert.deepEqual(ids((await client.scroll(name, { filter: cases[3][0], limit: 100 })).points), cases[3][1]);
}

async function queries() {
  const near = await client.query(name, { query: [1, 0, 0, 0], limit: 2, with_payload: true, with_vector: true });
  assert.deepEqual(ids(near.points), [1, 2]);
  close(near.points[0].score, 1);
  close(near.points[1].score, 0.9 / Math.hypot(0.9, 0.1));
  assert.equal(near.points[0].payload.city, 'Berlin');
  assert.equal(near.points[0].vector.length, 4);
  assert.ok(near.points[0].version > 0);
  const byId = await client.query(name, { query: 1, limit: 10 });
  assert.ok(!ids(byId.points).includes(1));
  assert.equal(byId.points[0].id, 2);
  const some = await client.query(name, {
    query: { nearest: [1, 0, 0, 0] }, filter: { must: [{ key: 'city', match: { value: 'Berlin' } }] }, params: { exact: true, hnsw_ef: 64 },
  });
  assert.deepEqual(ids(some.points), [1, 4]);
  assert.deepEqual(ids((await client.query(name, { query: [1, 0, 0, 0], score_threshold: 0.9 })).points), [1, 2]);
  assert.deepEqual(ids((await client.query(name, { query: [1, 0, 0, 0], limit: 1, offset: 1 })).points), [2]);
  assert.deepEqual(ids((await client.query(name, { limit: 2 })).points), [1, 2]);
  const batch = await client.queryBatch(name, { searches: [{ query: [0, 1, 0, 0], limit: 1 }, { query: 4, limit: 1 }] });
  assert.deepEqual(batch.map((b) => b.points[0].id), [3, 8]);
  assert.equal((await client.query(name, { query: [1, 0, 0, 0], offset: 1000 })).points.length, 0);
  await refused(400, () => client.query(name, { query: [1, 0] }), 'dim');
  await refused(404, () => client.query(name, { query: 12345 }), '12345');
}

async function byValue() {
  const { hits } = await client.facet(name, { key: 'city', exact: true, limit: 2 });
  assert.deepEqual(hits, [{ value: 'Berlin', count: 2 }, { value: 'London', count: 1 }]);
  await refused(400, () => client.facet(name, { key: 'tags' }), 'tags');
  await client.createPayloadIndex(name, { field_name: 'n', field_schema: 'integer', wait: true });
  const page = await client.scroll(name, { order_by: { key: 'n', direction: 'desc', start_from: 5 }, limit: 2 });
  assert.deepEqual(page.points.map((p) => [p.id, p.order_value]), [[uuid, 5], [4, 4]]);
  assert.equal(page.next_page_offset, null);
  await refused(400, () => client.scroll(name, { order_by: 'tags' }), 'No range index');
  assert.equal((await client.count(name, { exact: false })).count, 8);
  const { groups } = await client.queryGroups(name, { query: [1, 0, 0, 0], group_by: 'city', limit: 2, group_size: 2, with_lookup: name });
  assert.deepEqual(groups.map((g) => [g.id, ids(g.hits)]), [['Berlin', [1, 4]], ['London', [2]]]);
  const looked = await client.queryGroups(name, { group_by: 'n', limit: 1, with_lookup: { collection: name, with_payload: ['city'] } });
  assert.deepEqual(looked.groups[0].lookup, { id: 1, payload: { city: 'Berlin' } });
  const { pairs } = await client.searchMatrixPairs(name, { sample: 50, limit: 1 });
  assert.equal(pairs.length, 8);
  const matrix = await client.searchMatrixOffsets(name, { sample: 50, limit: 2 });
  assert.equal(matrix.ids.length, 8);
  assert.equal(matrix.scores.length, 16);
}

async function payloads() {
  const read = async (id) => (await client.retrieve(name, { ids: [id] }))[0].payload;
  await client.setPayload(name, { wait: true, points: [1, 2], payload: { n: 10, extra: { a: 1 } } });
  assert.deepEqual(await read(2), { city: 'London', n: 10, tags: ['b'], extra: { a: 1 } });
  await client.setPayload(name, { wait: true, points: [2], payload: { b: 2 }, key: 'extra' });
  assert.deepEqual((await read(2)).extra, { a: 1, b: 2 });
  await client.setPayload(name, { wait: true, filter: { must: [{ key: 'city', match: { value: 'Berlin' } }] }, payload: { land: 'DE' } });
  assert.equal((await read(4)).land, 'DE');
  await client.deletePayload(name, { wait: true, points: [2], keys: ['extra.a', 'tags'] });
  assert.deepEqual(await read(2), { city: 'London', n: 10, extra: { b: 2 } });
  await client.overwritePayload(name, { wait: true, points: [2], payload: { only: 1 } });
  assert.deepEqual(await read(2), { only: 1 });
  await client.clearPayload(name, { wait: true, points: [2] });
  assert.deepEqual((await read(2)) ?? {}, {});
}

async function aliases() {
  await client.updateCollectionAliases({ actions: [{ create_alias: { collection_name: name, alias_name: 'js-alias' } }] });
  assert.equal((await client.count('js-alias', { exact: true })).count, 8);
  await client.updateCollectionAliases({ actions: [{ rename_alias: { old_alias_name: 'js-alias', new_alias_name: 'js-other' } }] });
  assert.deepEqual((await client.getCollectionAliases(name)).aliases, [{ alias_name: 'js-other', collection_name: name }]);
  assert.ok((await client.getAliases()).aliases.some((a) => a.alias_name === 'js-other'));
  await client.updateCollectionAliases({ actions: [{ delete_alias: { alias_name: 'js-other' } }] });
  await refused(404, () => client.count('js-other', { exact: true }), 'js-other');
}

async function namedVectors() {
  await client.createCollection(named, {
    vectors: { image: { size: 3, distance: 'Euclid' }, text: { size: 2, distance: 'Dot', on_disk: true }, flat: { size: 2, distance: 'Manhattan' } },
    shard_number: 3,
  });
  await client.upsert(named, {
    wait: true,
    points: [
      { id: 1, vector: { image: [1, 2, 3], text: [1, 1], flat: [1, 1] } },
      { id: 2, vector: { image: [4, 6, 3], text: [2, 2] } },
      { id: 3, vector: { text: [3, -1], flat: [5, 5] } },
    ],
  });
  const image = await client.query(named, { query: [1, 2, 3], using: 'image' });
  assert.deepEqual(image.points.map((p) => [p.id, p.score]), [[1, 0], [2, 5]]); // the root, lower is better
  const text = await client.query(named, { query: [1, 0], using: 'text', with_vector: ['text'] });
  assert.deepEqual(text.points.map((p) => [p.id, p.score]), [[3, 3], [2, 2], [1, 1]]);
  assert.deepEqual(text.points[0].vector, { text: [3, -1] });
  const flat = await client.query(named, { query: [2, 2], using: 'flat', score_threshold: 3 });
  assert.deepEqual(flat.points.map((p) => [p.id, p.score]), [[1, 2]]);
  await refused(400, () => client.query(named, { query: [1, 2], using: 'none' }), 'none');
  await refused(400, () => client.upsert(named, { wait: true, points: [{ id: 5, vector: { none: [1] } }] }), 'none');
}

async function deletes() {
  assert.equal((await client.delete(name, { wait: true, points: [1, 999] })).status, 'completed');
  await client.delete(name, { wait: true, filter: { must: [{ has_id: [uuid] }] } });
  assert.deepEqual(ids((await client.scroll(name, { limit: 100 })).points), [2, 3, 4, 6, 7, 8]);
  assert.deepEqual(await client.retrieve(name, { ids: [1] }), []);
  assert.ok(!ids((await client.query(name, { query: [1, 0, 0, 0] })).points).includes(1));
  for (const c of [name, named]) assert.equal(await client.deleteCollection(c), true);
  assert.equal((await client.collectionExists(name)).exists, false);
}

for (const step of [collections, upserts, reads, filters, queries, byValue, payloads, aliases, namedVectors, deletes]) {
  try {
    await step();
  } catch (e) {
    console.error(`js-client-rest: ${step.name} failed`, e, e?.data ? JSON.stringify(e.data) : '');
    process.exit(1);
  }
}
console.log('js-client-rest: all of the session holds');
