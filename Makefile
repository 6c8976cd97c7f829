# Everything here is one or two go commands, over all modules where it makes
# sense. It needs Go, git and make; race needs a C compiler as well.

GO       ?= go
MODULES  := . compat compat/memberlist compat/programs server server/e2e

# The linters, fetched through the module proxy unless they are installed.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# What a run may be given, as in: make fuzz FUZZTIME=5s FUZZ=FuzzOpen
FUZZTIME  ?= 60s
FUZZ      ?= .
HOSTILE   ?= 1000000
SCHEDULES ?= 10000
LARGE     ?= 200
BENCH     ?=
INTEROP   ?=
DATA      ?= bin/data
SERVER    ?=
LINEARIZE ?= 600
CONFORMANCE ?=
RESILIENCE ?=

PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1	/p' Makefile | expand -t 14

.PHONY: run
run: bin/muster ## a registry at 127.0.0.1:8848, and what to type next; SERVER takes flags
	@bin/muster server --data-dir $(DATA) --log-format text $(SERVER)

.PHONY: bin/muster
bin/muster:
	cd server && $(GO) build -o ../bin/muster ./cmd/muster

.PHONY: demo
demo: bin/muster ## three servers, real Nacos clients; the leader is killed, then a follower
	cd server/e2e && $(GO) run ./demo --muster ../../bin/muster

.PHONY: demo-library
demo-library: bin/muster ## muster and memberlist processes in one cluster: killed, frozen, cut in two, healed
	cd compat && $(GO) build -o ../bin/peer ./interop/peer
	cd compat && $(GO) run ./demo --muster ../bin/muster --peer ../bin/peer

.PHONY: test
test: ## the tests for every change; of the interop matrix, one scenario
	$(GO) test ./...
	cd server && $(GO) test -short ./...
	cd server/e2e && $(GO) test -short ./...
	cd compat/memberlist && $(GO) test -short ./...
	cd compat && $(GO) test -short ./...

.PHONY: resilience
resilience: ## real servers and clients: killed, cut, restarted, full disks, broken logs; wants root for network namespaces and small disks
	cd server/e2e && MUSTER_OUTAGES=6 $(GO) test -count=1 -timeout 60m -v . $(RESILIENCE)

.PHONY: linearize
linearize: ## persistent writes through three real servers under faults for LINEARIZE seconds (600), judged by porcupine
	cd server/e2e && MUSTER_LINEARIZE_SECONDS=$(LINEARIZE) $(GO) test -count=1 -timeout 120m -v -run '^TestLinearizable$$' .

.PHONY: conformance
conformance: ## unmodified Nacos clients in five languages, against one server and three; CONFORMANCE takes flags
	cd server/e2e && $(GO) run ./conformance $(CONFORMANCE)

.PHONY: race
race: ## the same under the race detector
	CGO_ENABLED=1 $(GO) test -race -shuffle=on -short ./...
	cd server && CGO_ENABLED=1 $(GO) test -race -shuffle=on -short ./...
	cd compat/memberlist && CGO_ENABLED=1 $(GO) test -race -shuffle=on -short ./...
	cd compat && CGO_ENABLED=1 $(GO) test -race -shuffle=on -short ./...

.PHONY: build
build: bin/muster ## everything, and bin/muster
	@set -ex; for m in $(MODULES); do (cd $$m && $(GO) build ./...); done

.PHONY: cross
cross: ## the library on each platform, and its pure part without an operating system
	@set -ex; for p in $(PLATFORMS); do \
		GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0 $(GO) build ./...; \
		GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0 $(GO) vet ./...; \
	done
	GOOS=wasip1 GOARCH=wasm $(GO) build ./swim ./wire ./record ./internal/sketch ./sim

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, golangci-lint
	@echo "gofmt -l ."; files=$$(gofmt -l .); test -z "$$files" || { echo "not formatted:"; echo "$$files"; exit 1; }
	@set -ex; for m in $(MODULES); do (cd $$m && $(GO) vet ./...); done
	@run="$(GO) run $(STATICCHECK)"; if command -v staticcheck >/dev/null; then run=staticcheck; fi; \
	set -ex; for m in $(MODULES); do (cd $$m && $$run ./...); done
	@run="$(GO) run $(GOLANGCI)"; if command -v golangci-lint >/dev/null; then run=golangci-lint; fi; \
	set -ex; for m in $(MODULES); do (cd $$m && $$run run ./...); done

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (60s), then HOSTILE (a million) packets into a live node
	@set -e; for d in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n 1 dirname | sort -u); do \
		targets=$$(cd $$d && $(GO) test -list '^Fuzz' . | grep '^Fuzz' | grep -E '$(FUZZ)' || true); \
		for f in $$targets; do \
			(set -x; cd $$d && $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) .); \
		done; \
	done
	MUSTER_HOSTILE_PACKETS=$(HOSTILE) $(GO) test -count=1 -timeout 30m -run '^TestHostilePackets$$' .

.PHONY: sim
sim: ## SCHEDULES (10000) random fault schedules at 3 to 9 nodes and LARGE (200) at 128
	$(GO) run ./sim/cmd/muster-sim -schedules $(SCHEDULES) -nodes 3..9 -large $(LARGE) -large-nodes 128

.PHONY: mutants
mutants: ## plant the faults of sim/mutants.txt in the core; each must be caught
	$(GO) run ./sim/cmd/muster-mutants

.PHONY: interop
interop: ## the whole matrix of clusters mixed with the real memberlist
	cd compat && $(GO) test -count=1 -timeout 25m ./interop/... $(INTEROP)

.PHONY: scale
scale: ## the record plane at full size: 1,000 simulated members, 500,000 keys over real sockets, 100,000 messages
	$(GO) test -count=1 -timeout 20m -v -run '^TestRecordsFromEmpty$$|^TestPublishExactlyOnce$$' . -args -scale
	MUSTER_RECORD_MEMBERS=1000 MUSTER_RECORD_MESSAGES=100000 \
		$(GO) test -count=1 -timeout 20m -v -run '^TestSimulation$$|^TestLogSimulation$$|^TestSyncBytes$$' ./record

.PHONY: bench
bench: ## muster beside memberlist: one run, one table; BENCH takes flags, as BENCH=--quick
	cd compat && $(GO) run ./bench $(BENCH)

.PHONY: bench-server
bench-server: bin/muster ## the registry beside etcd and ZooKeeper: one run, one table; BENCH takes flags
	cd server/bench && $(GO) run . $(BENCH)
