# Kith's build. `make test` is what .ci/run calls.
GO ?= go

# Packages whose dependencies are all in the tree. storage/shard,
# storage/replica and query wait for index/hnsw, index/filter and index/payload.
PACKAGES := ./index ./index/arena ./index/invariant ./index/simd ./index/flat \
	./storage ./storage/op ./storage/point ./storage/schema ./server/...

.PHONY: test check generate

test: check
	$(GO) test $(PACKAGES)
	$(GO) test -tags invariants ./index/arena ./index/invariant ./index/flat

check:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) vet $(PACKAGES)
	GOARCH=arm64 $(GO) vet ./index/arena ./index/simd ./index/flat

generate:
	$(GO) generate ./index/simd
