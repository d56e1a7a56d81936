# What CI runs is `make check`; what the README names are `make demo` and `make test`.
GO ?= go
BIN := bin/bartizan
FUZZTIME ?= 5s
export CGO_ENABLED ?= 0

.PHONY: build run demo test race lint fuzz bench bench-botnet scenario check demo-smoke vet clean

build: $(BIN)

$(BIN): FORCE
	$(GO) build -trimpath -o $(BIN) ./cmd/bartizan

FORCE:

# UPSTREAM=http://127.0.0.1:9000 make run
run: build
	./$(BIN) run --upstream $(UPSTREAM)

demo: build
	./$(BIN) demo

test:
	$(GO) test ./...

race:
	CGO_ENABLED=1 $(GO) test -race ./...

vet:
	$(GO) vet ./...

lint: vet
	@test -z "$$(gofmt -l cmd internal bench tools examples)" || { echo "not formatted:"; gofmt -l cmd internal bench tools examples; exit 1; }
	cd tools && $(GO) build -o ../bin/ honnef.co/go/tools/cmd/staticcheck github.com/mgechev/revive github.com/polyfloyd/go-errorlint
	./bin/staticcheck ./...
	./bin/revive -config tools/revive.toml -set_exit_status ./...
	./bin/go-errorlint ./...

# Every fuzz target for a short time; FUZZTIME=10m for a long one.
fuzz:
	@set -e; for file in $$(grep -rl '^func Fuzz' --include=*_test.go internal); do \
		for target in $$(grep -o '^func Fuzz[A-Za-z0-9]*' $$file | sed 's/func //'); do \
			echo "fuzz $$(dirname $$file) $$target"; \
			$(GO) test ./$$(dirname $$file) -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s; \
		done; \
	done

bench:
	$(GO) test ./internal/... -run '^$$' -bench . -benchmem
	bench/gateway/run
	bench/payload/run

# What values made of nothing but the beginnings of attacks cost beside text: all
# pairs and triples of signs. Minutes, and a machine that does nothing else.
.PHONY: hostile
hostile:
	$(GO) test ./internal/detect -run TestAllBeginnings -v -timeout 60m -args -hostile
	$(GO) test ./internal/detect -run '^$$' -bench Beginnings

# How botnets are found and stopped, and whom else that hits: every plan with
# several seeds. LONG=-long plays the day-long ones too.
SEEDS ?= 3
LONG ?=
bench-botnet:
	$(GO) run ./bench/botnet -seeds $(SEEDS) $(LONG)
	$(GO) test ./internal/swarm -run '^$$' -bench . -benchmem

scenario:
	$(GO) test ./cmd/bartizan -run 'TestScenarios|TestFalsePositives' -v -args -table

demo-smoke: build
	./$(BIN) demo --smoke

check: build lint test race scenario fuzz

clean:
	rm -rf bin

# make eval CORPORA=DIR: a directory of labelled requests, which are no part of the project.
CORPORA ?= corpora
.PHONY: eval eval-update calibrate-payload train

# The payload detector on the corpora, compared with the committed figures.
eval: build
	./$(BIN) eval --compare internal/eval/testdata/figures.json $(CORPORA)/*.jsonl.gz

# After a change that is meant: commit the new figures with it.
eval-update: build
	mkdir -p internal/eval/testdata
	./$(BIN) eval --json $(CORPORA)/*.jsonl.gz > internal/eval/testdata/figures.json

# How many benign rows each detector hits in each band: what the table in
# internal/detect/bands.go is reviewed by.
calibrate-payload: build
	./$(BIN) eval --bands $(CORPORA)/*.jsonl.gz

# Whether a learned scorer would find what the grammars miss: an experiment that
# leaves one source out at a time. It does not, at a price worth paying.
train:
	$(GO) run ./bench/scorer $(CORPORA)/*.jsonl.gz

# What signals weigh on the scenarios, beside what is shipped: a table to review and
# commit. Nothing applies it.
.PHONY: calibrate-risk
calibrate-risk: build
	./$(BIN) calibrate-risk testdata/scenario/*.txtar > docs/weights.md.new
	mv docs/weights.md.new docs/weights.md
	git --no-pager diff --stat -- docs/weights.md
