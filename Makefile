# What CI runs is `make check`; what the README names are `make demo` and `make test`.
GO ?= go
BIN := bin/bartizan
FUZZTIME ?= 5s
export CGO_ENABLED ?= 0

.PHONY: help build run demo test race lint fuzz bench bench-botnet scenario check demo-smoke vet clean

build: $(BIN) ## the binary, bin/bartizan

$(BIN): FORCE
	$(GO) build -trimpath -o $(BIN) ./cmd/bartizan

FORCE:

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  %-18s %s\n", $$1, $$2}'

# UPSTREAM=http://127.0.0.1:9000 make run
run: build ## build it and run it before UPSTREAM=http://host:port
	./$(BIN) run --upstream $(UPSTREAM)

demo: build ## a small shop behind it, visitors and attackers, and who is blocked and why
	./$(BIN) demo

test: ## every test
	$(GO) test ./...

race: ## every test with the race detector
	CGO_ENABLED=1 $(GO) test -race ./...

vet:
	$(GO) vet ./...

lint: vet ## vet, gofmt, staticcheck, revive, errorlint
	@test -z "$$(gofmt -l cmd internal bench tools examples)" || { echo "not formatted:"; gofmt -l cmd internal bench tools examples; exit 1; }
	cd tools && $(GO) build -o ../bin/ honnef.co/go/tools/cmd/staticcheck github.com/mgechev/revive github.com/polyfloyd/go-errorlint
	./bin/staticcheck ./...
	./bin/revive -config tools/revive.toml -set_exit_status ./...
	./bin/go-errorlint ./...

# Every fuzz target for a short time; FUZZTIME=10m for a long one.
fuzz: ## every fuzz target for FUZZTIME (5s)
	@set -e; for file in $$(grep -rl '^func Fuzz' --include=*_test.go internal); do \
		for target in $$(grep -o '^func Fuzz[A-Za-z0-9]*' $$file | sed 's/func //'); do \
			echo "fuzz $$(dirname $$file) $$target"; \
			$(GO) test ./$$(dirname $$file) -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s; \
		done; \
	done

bench: ## benchmarks, and the peers in bench/
	$(GO) test ./internal/... -run '^$$' -bench . -benchmem
	bench/gateway/run
	bench/payload/run

# What values made of nothing but the beginnings of attacks cost beside text: all pairs
# and triples of signs, and that attacks between them are found. Some seven minutes on a
# machine that does nothing else; PARTS=20 PART=3 measures a twentieth of them.
PARTS ?= 1
PART ?= 0
.PHONY: hostile
hostile: ## what beginnings of attacks cost, all pairs and triples; PARTS=20 PART=3 for some
	$(GO) test ./internal/detect -run 'TestAllBeginnings|TestMixedBeginnings|TestAttacksBetweenFiller' -v -timeout 60m -args -hostile -parts $(PARTS) -part $(PART)
	$(GO) test ./internal/detect -run '^$$' -bench Beginnings

# How botnets are found and stopped, and whom else that hits: every plan with
# several seeds. LONG=-long plays the day-long ones too.
SEEDS ?= 3
LONG ?=
bench-botnet: ## how fast botnets are found and stopped; SEEDS=3, LONG=-long
	$(GO) run ./bench/botnet -seeds $(SEEDS) $(LONG)
	$(GO) test ./internal/swarm -run '^$$' -bench . -benchmem

scenario: ## the scenarios as a table: who was stopped, and how many good clients
	$(GO) test ./cmd/bartizan -run 'TestScenarios|TestFalsePositives' -v -args -table

demo-smoke: build ## the demo, short, on free ports; fails if it is not as it should be
	./$(BIN) demo --smoke

check: build lint test race fuzz ## all that CI runs; `test` plays the scenarios

clean: ## remove bin
	rm -rf bin

# make eval CORPORA=DIR: a directory of labelled requests, which are no part of the project.
CORPORA ?= corpora
.PHONY: eval eval-update calibrate-payload train

# The payload detector on the corpora, compared with the committed figures.
eval: build ## the payload detector on CORPORA=DIR, beside the committed figures
	./$(BIN) eval --compare internal/eval/testdata/figures.json $(CORPORA)/*.jsonl.gz

# Requests that nothing is tuned to: 300 honest ones and 300 published attacks, both
# figures and each row that is judged wrongly. Who mends a row looks for its kind.
.PHONY: unseen
unseen: build ## honest texts and published attacks that nothing is tuned to
	./$(BIN) eval --misses 300 --false 300 internal/eval/testdata/honest.jsonl internal/eval/testdata/published.jsonl

# Real applications with their real clients, direct and through the gateway in enforce
# mode: docs/benchmarks.md says what is needed. APPS="wordpress s3" for some, KEEP=DIR
# for the recorded requests, NPM=DIR for packages that are installed already.
APPS ?=
KEEP ?=
NPM ?=
.PHONY: realapps
realapps: build ## real applications behind the gateway, compared with the same use direct
	$(GO) run ./bench/realapps -bartizan $(BIN) -keep "$(KEEP)" -npm "$(NPM)" $(APPS)

# After a change that is meant: commit the new figures with it.
eval-update: build ## commit the new figures after a change that is meant
	mkdir -p internal/eval/testdata
	./$(BIN) eval --json $(CORPORA)/*.jsonl.gz > internal/eval/testdata/figures.json

# How many benign rows each detector hits in each band: what the table in
# internal/detect/bands.go is reviewed by.
calibrate-payload: build ## benign rows hit in each band, by detector
	./$(BIN) eval --bands $(CORPORA)/*.jsonl.gz

# Whether a learned scorer would find what the grammars miss: an experiment that
# leaves one source out at a time. It does not, at a price worth paying.
train: ## an experiment: would a learned scorer find what the grammars miss
	$(GO) run ./bench/scorer $(CORPORA)/*.jsonl.gz

# What signals weigh on the scenarios, beside what is shipped: a table to review and
# commit. Nothing applies it.
.PHONY: calibrate-risk
calibrate-risk: build ## what signals weigh on the scenarios: docs/weights.md
	./$(BIN) calibrate-risk testdata/scenario/*.txtar > docs/weights.md.new
	mv docs/weights.md.new docs/weights.md
	git --no-pager diff --stat -- docs/weights.md
