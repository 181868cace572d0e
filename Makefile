# Everything a developer types. `make` alone says what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
GO ?= go
FUZZTIME ?= 30s
ROUNDS ?= 1

.PHONY: help
help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: run
run: ## start the whole system on embedded stores, with orders in it
	$(GO) run ./cmd/orderflow demo

.PHONY: test
test: ## all tests, on real servers, which it starts and stops unless they run already
	$(GO) vet ./...
	infra/deploy/services.sh with $(GO) test -shuffle=on -timeout 60m ./...

.PHONY: race
race: ## all tests under the race detector, the long ones with fewer rounds, as their logs say
	infra/deploy/services.sh with $(GO) test -race -short -timeout 60m ./...

.PHONY: check
check: lint test race ## all that a change must pass: the linters, every test, and the tests under the race detector

.PHONY: services
services: ## PostgreSQL, Redis, a Redis Cluster and Kafka for tests; addresses in .services/env
	infra/deploy/services.sh start

.PHONY: services-stop
services-stop: ## stop them; .services keeps their data
	infra/deploy/services.sh stop

.PHONY: fleet
fleet: services ## two processes of every role, a simulator and an EventStoreDB node on those servers; prints where the API is, and a token
	infra/deploy/fleet.sh start

.PHONY: fleet-stop
fleet-stop: ## stop the processes; .fleet keeps their data, and the servers go on
	infra/deploy/fleet.sh stop

.PHONY: conformance
conformance: ## the official EventStoreDB client's own suite against the embedded node, ROUNDS times; ends with the count
	@set -o pipefail; CONFORMANCE_ROUNDS=$(ROUNDS) $(GO) test -count=1 -v -timeout $$((20 + 5 * $(ROUNDS)))m \
	  -run '^TestConformance$$' ./infra/esdbserver/conformance | awk '/^conformance: /{line = $$0; next} {print; fflush()} END{print line}'

.PHONY: lint
lint: ## the linters of .golangci.yaml, at the version infra/tools pins; their cache is in .lint, as it holds paths
	GOLANGCI_LINT_CACHE=$(CURDIR)/.lint $(GO) tool -modfile=infra/tools/go.mod golangci-lint run ./...

.PHONY: bench
bench: ## the budgets: figure, limit measured in the same run, ratio
	$(GO) run ./cmd/orderflow bench

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; done
