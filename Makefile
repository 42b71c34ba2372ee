# Kith's build. `make help` lists what there is.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
DATA    ?= bench-data
SECONDS ?= 45
FUZZTIME ?= 20s

.PHONY: help build run demo test check test-arm64 test-clients test-contract fuzz generate bench bench-data bench-kernels race torture

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/kith, with its version in it
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/kith ./tools/kith

run: build ## serve ./kith-data on 127.0.0.1:6333
	bin/kith serve

demo: build ## load 20,000 words into a throw-away server and search them
	bin/kith demo

test: check test-clients test-contract ## everything that CI runs
	$(GO) test ./...
	$(GO) test -tags invariants ./index/...
	$(GO) test -race -short ./index/hnsw ./index/payload ./cluster ./query

check: ## formatting, vet, and that generated code is current
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	GOARCH=arm64 $(GO) vet ./index/arena ./index/simd ./index/flat ./index/hnsw
	$(GO) generate ./index/simd
	git diff --exit-code -- index/simd

test-arm64: ## the kernels for arm64 (needs Debian's qemu-user-static where that is another machine)
	GOARCH=arm64 $(GO) test $(if $(filter-out aarch64 arm64,$(shell uname -m)),-exec qemu-aarch64-static) ./index/simd

test-clients: ## the published JavaScript and Python clients against a real server
	$(GO) run ./tools/clients

test-contract: ## requests generated from the contract's document (SECONDS=600 for long)
	$(GO) run ./tools/clients -only contract -seconds $(SECONDS)

fuzz: ## every fuzz target for FUZZTIME
	@set -e; for package in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package; \
	  done; \
	done

generate: ## the assembly of index/simd, from index/simd/_gen
	$(GO) generate ./index/simd

torture: ## kill -9 a server under load, 20 times
	$(GO) run ./tools/torture -rounds 20

bench-data: ## GloVe and Fashion-MNIST for the benchmarks (needs numpy, npm and Debian's dataset-fashion-mnist)
	python3 ../shared/bench/datasets.py $(DATA) glove
	python3 ../shared/bench/datasets.py $(DATA) fashion

bench-peers: ## a Python environment with the libraries that the race measures
	tools/bench/peers/install $(DATA)/peers

race: build ## our index beside its peers, in turns, one thread (make bench-peers first)
	$(GO) run ./tools/bench/race -python $(DATA)/peers/bin/python -cache $(DATA)/peers-cache -ours '--code 4' -json $(DATA)/race.json $(DATA)/glove-100 $(DATA)/fashion-mnist-784

bench-kernels: ## the assembly of index/simd beside the same loops in C (needs a C compiler)
	$(GO) run -tags ckernels ./tools/bench/kernels

bench: build race ## the README's numbers on GloVe and Fashion-MNIST, collections, payload and kill -9
	bin/kith bench http --data $(DATA)/glove-100 --rebuild
	bin/kith bench http --data $(DATA)/fashion-mnist-784 --rebuild
	bin/kith bench filters --data $(DATA)/glove-100
	bin/kith bench filters --data $(DATA)/fashion-mnist-784
	bin/kith bench churn --data $(DATA)/glove-100 --points 30000
	bin/kith bench collections
	bin/kith bench payload
	$(GO) run ./tools/torture -rounds 20
