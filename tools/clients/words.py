"""Asks the contract's engine, as a library, what text conditions find with text
indexes, and prints it as JSON: words.py > index/text/testdata/engine.json. The
test of index/text holds its answers against the file. Left out is what Kith takes
otherwise: docs/filters.md."""
import json
import random
import tempfile

import qdrant_edge as e

rng = random.Random(1)
WORDS = ["run", "Running", "runs", "the", "The", "fox", "Fox-es", "café", "Café", "x1", "5", "a", "naïve", "über", "straße", "привет", "Мир", "it's", "foo_bar", "snow,white", "é", "日本", "ⅷ", "a.b"]
T, S = e.TokenizerType, e.StopwordsSet
SETS = [
    ({}, dict(tokenizer=T.Word)),
    ({"phrase_matching": True}, dict(tokenizer=T.Word, phrase_matching=True)),
    ({"lowercase": False, "phrase_matching": True}, dict(tokenizer=T.Word, lowercase=False, phrase_matching=True)),
    ({"ascii_folding": True, "min_token_len": 2, "max_token_len": 4, "phrase_matching": True}, dict(tokenizer=T.Word, ascii_folding=True, min_token_len=2, max_token_len=4, phrase_matching=True)),
    ({"stopwords": {"custom": ["the", "FOX"]}, "phrase_matching": True}, dict(tokenizer=T.Word, stopwords=S(custom={"the", "FOX"}), phrase_matching=True)),
    ({"stemmer": {"type": "snowball", "language": "english"}, "phrase_matching": True}, dict(tokenizer=T.Word, stemmer=e.SnowballParams(e.SnowballLanguage.English), phrase_matching=True)),
    ({"stemmer": {"type": "snowball", "language": "german"}}, dict(tokenizer=T.Word, stemmer=e.SnowballParams(e.SnowballLanguage.German))),
    ({"stemmer": {"type": "snowball", "language": "russian"}}, dict(tokenizer=T.Word, stemmer=e.SnowballParams(e.SnowballLanguage.Russian))),
    ({"tokenizer": "whitespace", "phrase_matching": True}, dict(tokenizer=T.Whitespace, phrase_matching=True)),
    ({"tokenizer": "prefix"}, dict(tokenizer=T.Prefix)),
    ({"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 3, "stopwords": {"custom": ["the"]}}, dict(tokenizer=T.Prefix, min_token_len=2, max_token_len=3, stopwords=S(custom={"the"}))),
]
MATCH = {"text": e.MatchText, "text_any": e.MatchTextAny, "phrase": e.MatchPhrase}


def text(most):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, most)))


def ask(folder, params, texts, queries):
    shard = e.EdgeShard.create(folder, e.EdgeConfig(vectors={"": e.EdgeVectorParams(1, e.Distance.Dot)}))
    shard.update(e.UpdateOperation.upsert_points([e.Point(i, {"": [1.0]}, {"t": t}) for i, t in enumerate(texts)]))
    shard.update(e.UpdateOperation.create_field_index("t", e.TextIndexParams(**params)))
    out = []
    for kind, query in queries:
        f = e.Filter(must=[e.FieldCondition("t", match=MATCH[kind](query))])
        out.append(sorted(r.id for r in shard.scroll(e.ScrollRequest(limit=len(texts), filter=f))[0]))
    shard.close()
    return out


texts = [text(6) for _ in range(40)] + [[text(4), text(4)] for _ in range(10)]
# phrases of starts are taken otherwise
queries = [(rng.choice(list(MATCH)), text(4)) for _ in range(60)]
cases = []
for options, params in SETS:
    asked = [q for q in queries if q[0] != "phrase" or options.get("tokenizer") != "prefix"]
    with tempfile.TemporaryDirectory() as folder:
        found = ask(folder, params, texts, asked)
    cases.append({"options": {"type": "text", **options}, "queries": [{"match": {k: q}, "found": ids} for (k, q), ids in zip(asked, found)]})
print(json.dumps({"texts": texts, "cases": cases}, ensure_ascii=False, separators=(",", ":")))
