# Kith's build. `make test` is what .ci/run calls.
GO ?= go

PACKAGES := ./...

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
