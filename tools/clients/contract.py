"""Generated requests (schemathesis) to a Kith server against the contract's own
document: no answer is a 5xx, and none breaks its schema.
contract.py URL DOCUMENT SEED SECONDS"""
import json
import os
import subprocess
import sys
import tempfile
import urllib.request

URL, DOCUMENT, SEED, SECONDS = sys.argv[1:5]
# The phase that covers every field of every endpoint takes five minutes: only a
# long run has it (SECONDS=600 leaves as much for random requests).
SHORT = int(SECONDS) <= 60
# What one node does not serve, and what would close the server to the rest.
LEFT_OUT = [
    ("/cluster", "distributed"), ("/collections/{collection_name}/cluster", "distributed"), ("/collections/{collection_name}/shards/delete", "distributed"),
    ("/quotas", "a quota refuses what follows"), ("/telemetry", "our telemetry has our own counters"),
]


# What is not supported yet is refused in one place; generating it costs minutes.
LATER = {"RecommendQuery", "DiscoverQuery", "ContextQuery", "OrderByQuery", "FusionQuery", "RrfQuery", "FormulaQuery", "SampleQuery", "RelevanceFeedbackQuery",
         "Prefetch", "Document", "Image", "InferenceObject", "SparseVector", "LookupLocation", "Mmr"}


def send(method, path, body=None):
    request = urllib.request.Request(URL + path, method=method, data=json.dumps(body).encode() if body is not None else None, headers={"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))


def fill():
    """Collections c (unnamed vector) and n (named), so that requests meet something."""
    send("PUT", "/collections/c", {"vectors": {"size": 4, "distance": "Cosine"}})
    send("PUT", "/collections/n", {"vectors": {"a": {"size": 2, "distance": "Dot"}, "b": {"size": 3, "distance": "Euclid"}}})
    payload = lambda i: {"a": i, "n": i / 2, "text": "red fox", "at": "2024-01-01", "place": {"lon": i, "lat": 1}, "tags": ["x", "y"]}
    send("PUT", "/collections/c/points?wait=true", {"points": [{"id": i, "vector": [i, 1, 0, 0], "payload": payload(i)} for i in range(40)]})
    send("PUT", "/collections/n/points?wait=true", {"points": [{"id": i, "vector": {"a": [i, 1]}, "payload": payload(i)} for i in range(40)]})
    send("PUT", "/collections/c/index?wait=true", {"field_name": "a", "field_schema": "integer"})


def later(node):
    return isinstance(node, dict) and node.get("$ref", "").rsplit("/", 1)[-1] in LATER


def tidy(node):
    """The document's generator writes a bare {"nullable": true} for "or null"."""
    if isinstance(node, dict):
        for union in ("anyOf", "oneOf"):
            if union in node:
                node[union] = [a for a in node[union] if not later(a)] or [{"nullable": True}]
        if node == {"nullable": True}:
            node["enum"] = [None]
        for child in node.values():
            tidy(child)
    elif isinstance(node, list):
        for child in node:
            tidy(child)


def prepare():
    document = json.load(open(DOCUMENT))
    tidy(document)
    for path in list(document["paths"]):
        if any(path.startswith(prefix) for prefix, _ in LEFT_OUT):
            del document["paths"][path]
            continue
        for method, operation in document["paths"][path].items():
            dangerous = path == "/collections/{collection_name}" and method in ("put", "delete") or path.endswith(("/recover", "/upload"))
            for p in operation.get("parameters", []):
                if p["name"] == "collection_name":
                    p["schema"] = {"type": "string", "enum": ["scratch"] if dangerous else ["c", "n"]}
    settings = document["components"]["schemas"]["UpdateCollection"]["properties"]
    settings.pop("strict_mode_config")  # a limit refuses what follows
    return document


def main():
    fill()
    with tempfile.TemporaryDirectory() as folder:
        schema = os.path.join(folder, "openapi.json")
        json.dump(prepare(), open(schema, "w"))
        command = [os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run", schema, "--url", URL, "--seed", SEED, "--max-time", SECONDS,
                   "--checks", "not_a_server_error,response_schema_conformance,content_type_conformance,status_code_conformance",
                   "--phases", "fuzzing" if SHORT else "coverage,fuzzing", "--max-examples", "2" if SHORT else "100", "--no-shrink", "--continue-on-failure", "--warnings", "off",
                   "--suppress-health-check", "all", "--request-timeout", "20", "--no-color"]
        done = subprocess.run(command, cwd=folder)
    print(f"schemathesis: seed {SEED}, {SECONDS} s, " + ("no fault" if done.returncode == 0 else "faults above"))
    for path, why in LEFT_OUT:
        print(f"  left out: {path}: {why}")
    sys.exit(done.returncode)


main()
