# Everything that people and CI run. `make` alone lists it.

GO      ?= go
CORPUS   = $(abspath $(or $(DOCSAGA_CORPUS),$(wildcard ../shared/corpus)))
LINT     = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2
BENCHSTAT = $(GO) run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da

.DEFAULT_GOAL := help
.PHONY: help check lint test golden soak bench bench-once bench-replay bench-growth bench-peers e2e run cover build postgres clamd chromium tidy

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check: lint test ## lint and test: before each commit

lint: ## run the linters
	$(LINT) run ./...

test: ## run all tests with the race detector
	$(GO) test -race -shuffle=on -timeout 15m ./...

golden: ## rewrite the golden files; review the diff
	$(GO) test ./saga ./events -update

soak: ## longer property tests, and a minute of fuzzing a target
	$(GO) test ./saga ./services/barrier -rapid.checks=100000 -timeout 60m
	$(GO) test ./coordinator -run TestRandomProcesses -rapid.checks=5000 -timeout 60m
	@for pkg in $$($(GO) list ./...); do \
		for fuzz in $$($(GO) test -list '^Fuzz' $$pkg | grep ^Fuzz); do \
			$(GO) test -run '^$$' -fuzz "^$$fuzz$$" -fuzztime 1m $$pkg || exit 1; \
		done; \
	done

bench: ## run every micro-benchmark ten times and compare with bench.old.txt, if there is one
	$(GO) test -run '^$$' -bench . -count 10 ./... | tee bench.new.txt
	@test ! -f bench.old.txt || $(BENCHSTAT) bench.old.txt bench.new.txt

bench-once: ## run every benchmark once, so that none rots
	$(GO) test -run '^$$' -bench . -benchtime 1x ./...
	$(GO) test -C bench ./...

bench-replay: ## fill a log with a million events and replay them to /dev/null: events a second, processor time
	$(GO) test -run '^$$' -bench 'Replay$$' -benchtime 1000000x -timeout 60m ./cmd/docsaga

bench-growth: build ## cost of a document by how many the log holds and how many are open; 8 GB of memory, half an hour
	@for before in 10000 100000 1000000; do \
		bin/docsaga bench --durability relaxed --documents 20000 --rounds 1 --before $$before 2>/dev/null || exit 1; done | awk 'NR == 1 || !/^PIPELINE/'
	@for open in 1 100 10000; do echo "open $$open" && \
		bin/docsaga bench --durability relaxed --documents $$((open < 10 ? 1000 : 20000)) --rounds 1 --open $$open 2>/dev/null || exit 1; done

bench-peers: build ## measure docsaga, DBOS, River and Temporal in turn on the same five empty steps, in ten minutes; installs PostgreSQL
	$(GO) build -C bench -o ../bin/peers .
	$(GO) build -C bench/temporal -o ../../bin/peer-temporal .
	@bin/peers compare -temporal bin/peer-temporal $(PEERS_FLAGS)

e2e: build ## run the program as people do: samples, processes that are killed, the corpus if it is there
	DOCSAGA_CHECK_EVENTS=true DOCSAGA_E2E=$(CURDIR)/bin/docsaga DOCSAGA_CORPUS=$(CORPUS) $(GO) test -count 1 -timeout 15m ./cmd/docsaga -run '^TestE2E|^TestAuditNames' -v

faults: build bin/faults ## break docsaga on purpose, in every way we know, and verify; about thirteen minutes
	@own=; if [ -z "$$DOCSAGA_TEST_POSTGRES" ]; then \
		DOCSAGA_TEST_POSTGRES=$$(deploy/test/postgres.sh start) && own=1; export DOCSAGA_TEST_POSTGRES; fi; \
	bin/faults $(FAULTS); code=$$?; [ -z "$$own" ] || deploy/test/postgres.sh stop; exit $$code

faults-short: build bin/faults ## the same with a tenth of the documents, in three minutes
	bin/faults -short -at-once 2

faults-bugs: build ## seed bugs, each of which verify must catch; under a minute
	$(GO) build -tags seededbugs -o bin/faults-bugs ./test/faults
	bin/faults-bugs -short -bugs -at-once 4

.PHONY: faults faults-short faults-bugs bin/faults
bin/faults:
	$(GO) run ./test/faults/shift bin/overlay
	$(GO) build -overlay bin/overlay/overlay.json -tags shiftedclock -o bin/faults ./test/faults

run: ## run the samples through everything
	$(GO) run ./cmd/docsaga run

build: ## build bin/docsaga
	$(GO) build -o bin/docsaga ./cmd/docsaga

cover: ## show what the tests cover
	$(GO) test -coverprofile coverage.out ./...
	$(GO) tool cover -func coverage.out | tail -n 1

tidy: ## tidy the module
	$(GO) mod tidy

postgres: ## install and start PostgreSQL for the tests; prints DOCSAGA_TEST_POSTGRES
	@deploy/test/postgres.sh start

clamd: ## install and start clamd with a local signature file; prints DOCSAGA_TEST_CLAMD
	@deploy/test/clamd.sh start

chromium: ## install Chromium for the tests of the console; prints its path
	@deploy/test/chromium.sh

.PHONY: axe
axe: ## fetch axe-core for the tests of the console, checked; prints its path
	@deploy/test/axe.sh
