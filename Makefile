# `make` lists the targets.

# Caddy's own databases (ACME server) are left out: 6 MB less, see docs/decisions.
TAGS    := nobadger,nomysql,nopgx
GO      ?= go
# What "botgate version" says; set both for the source without git.
VERSION ?= $(shell git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null)
COMMIT  ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null)
STAMP   := github.com/botgate/botgate/internal/version
LDFLAGS := -s -w -X $(STAMP).version=$(VERSION) -X $(STAMP).commit=$(COMMIT)
BUILD   := $(GO) build -trimpath -tags $(TAGS) -ldflags "$(LDFLAGS)"
# The race detector, but for the C of SQLite in Go: it is not ours, and takes three times as long.
RACE    := -race -gcflags=modernc.org/...=-race=false
LINT    := golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.DEFAULT_GOAL := help
.PHONY: help build run demo token test test-deps test-npm test-sdk clients-check test-unit test-newer upgrade-test chaos lint deploy-check alert-check logs-check image-check chart-check chart-dry-run chart-files dashboards vulncheck release install-check release-check docs fuzz bench capacity-check bench-peers xbuild validate clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

build: ## build bin/botgate and bin/botgate-backend
	@echo "Building Botgate; the first build takes a few minutes ..."
	@$(BUILD) -o bin/botgate ./cmd/botgate
	@$(BUILD) -o bin/botgate-backend ./cmd/botgate-backend

run: build ## run everything in one process on :8080, with an example bot
	@exec bin/botgate quickstart

demo: build ## run it with five simulated bots and events all the time, with files of its own in data/demo
	@BOTGATE_DATA=data/demo exec bin/botgate quickstart --demo

token: ## print a token for the running instance
	@bin/botgate token

validate: build ## check the shipped Caddyfile; makes secrets in data/ when there are none
	@bin/botgate init
	@bin/botgate validate --config Caddyfile

# Tests wait as much as they work: one package more than processors.
TEST_PACKAGES := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
# "make lint" vets, too.
test: test-deps ## run all tests, with Redis, RabbitMQ, PostgreSQL and S3, race detector on
	$(GO) run ./internal/testsvc/withsvc -- $(GO) test $(RACE) -vet=off -p $(TEST_PACKAGES) -tags $(TAGS) -timeout 60m ./...
	$(GO) -C bench/peers test -race ./...
	@$(MAKE) --no-print-directory test-sdk

test-sdk: ## run the tests of the SDKs for bots, with Node and Python
	$(GO) -C sdk/go test -race ./...
	node --test sdk/js/botgate.test.mjs sdk/js/receive.test.mjs sdk/workers/pdf/pdf.test.mjs
	python3 -B -m unittest discover -s sdk/python -p '*_test.py'

clients-check: ## generate clients of the API from its OpenAPI document, in TypeScript and Go, compile them, and ask a running Botgate
	@echo "Generating clients; the first time takes a minute ..."
	@cd sdk/clients && npm ci --silent --no-audit --no-fund && npm run --silent check
	@cd sdk/clients && $(GO) tool oapi-codegen -config oapi-codegen.yaml ../../backend/api/openapi.yaml && \
		$(GO) vet -tags generated ./...
	@BOTGATE_TEST_CLIENTS=on $(GO) test $(RACE) -tags $(TAGS) -count 1 -run '^TestGeneratedClients$$' ./integration

test-deps: ## install what the tests need, or say what is missing
	@sh internal/testsvc/install.sh
	@$(MAKE) --no-print-directory test-npm

# Payloads: GitHub's and those of other platforms' SDKs.
test-npm:
	@cd integration && npm ci --silent --no-audit --no-fund
	@cd integration/corpora && $(GO) mod download

test-unit: ## run the tests that need no services
	$(GO) test $(RACE) -short -tags $(TAGS) ./...

# What is tested on newer servers, and what of it with Valkey as the Redis, too.
NEWER_REDIS := ./internal/limit ./internal/idempotency ./internal/revocation ./backend/cache ./backend/notify ./backend/session
NEWER       := $(NEWER_REDIS) ./internal/queue/... ./backend/store/... ./backend/job ./backend/app ./backend/record \
	./backend/dispatch ./integration
test-newer: test-npm ## run the tests of queue, stores and the whole path on newer servers (root on Debian)
	@BOTGATE_TEST_ROOT=$$(sh internal/testsvc/newer.sh) && export BOTGATE_TEST_ROOT && set -x && \
	$(GO) run ./internal/testsvc/withsvc -- $(GO) test $(RACE) -tags $(TAGS) -count 1 -timeout 20m $(NEWER) && \
	BOTGATE_TEST_REDIS_PROGRAM=valkey-server \
	$(GO) run ./internal/testsvc/withsvc -- $(GO) test $(RACE) -tags $(TAGS) -count 1 $(NEWER_REDIS)

# The last release, or a commit.
UPGRADE_FROM ?= $(shell git describe --tags --abbrev=0 --match 'v[0-9]*' HEAD^ 2>/dev/null)
upgrade-test: test-deps ## run this version beside the one before, UPGRADE_FROM, under load, and roll back
	@test -n "$(UPGRADE_FROM)" || { echo "There is no tag of a release: say UPGRADE_FROM=<commit>"; exit 1; }
	BOTGATE_UPGRADE_FROM=$(UPGRADE_FROM) $(GO) run ./internal/testsvc/withsvc -- $(GO) test $(RACE) -tags $(TAGS) -count 1 -v -run ^TestUpgrade -timeout 60m ./integration

chaos: test-deps ## stop, kill and partition everything under load, and show that nothing is lost
	BOTGATE_CHAOS=1 $(GO) run ./internal/testsvc/withsvc -- $(GO) test $(RACE) -tags $(TAGS) -count 1 -v -run '^Test(Chaos|Alerts|Reload|PlansOfALargeLog)' -timeout 3h ./integration ./backend/store/postgres

deploy-check: ## check what is under deploy/; gets its tools the first time, in minutes (root on Debian)
	@sh deploy/check.sh
	@echo "Checking the Dockerfile and the compose file; the first time takes a minute ..."
	@$(GO) -C deploy/checks test -count 1 ./...
	@$(GO) -C deploy/checks/alerts test -count 1 ./...
	@$(GO) -C deploy/grafana test -count 1 ./...

alert-check: test-deps ## run every expression of rules and dashboards in a real Prometheus that scrapes a real Botgate
	BOTGATE_CHAOS=1 $(GO) run ./internal/testsvc/withsvc -- $(GO) test $(RACE) -tags $(TAGS) -count 1 -run '^TestAlertsHaveMetrics$$' ./integration

bin/otelcol: deploy/logs/main.go deploy/logs/go.sum
	@echo "Building a collector; this takes some minutes ..."
	@$(GO) -C deploy/logs build -trimpath -ldflags '-s -w' -o $(CURDIR)/$@ .

logs-check: bin/otelcol ## ship the logs of a gateway and a backend by a real OpenTelemetry Collector
	BOTGATE_COLLECTOR=$(CURDIR)/bin/otelcol $(GO) test $(RACE) -tags $(TAGS) -count 1 -run '^TestLogsAreShipped$$' ./integration

chart-check: ## check the Helm chart only
	@sh deploy/helm/check.sh

chart-dry-run: ## give the chart to a real API server; builds it into bin/ the first time, in ten minutes
	@sh deploy/helm/dry-run.sh

dashboards: ## write the dashboards of deploy/grafana, and copy them into the chart
	@$(GO) -C deploy/grafana run . dashboards
	@sh deploy/helm/files.sh

chart-files: ## copy the rules and dashboards into the chart
	@sh deploy/helm/files.sh

image-check: ## build both images and run them hardened, without a registry (root on Debian)
	@sh deploy/docker/image-check.sh

vulncheck: build ## refuse modules with published vulnerabilities in both binaries
	@sh deploy/release/vulncheck.sh bin/botgate bin/botgate-backend

RELEASE ?= --snapshot --skip=publish,sign
release: export BOTGATE_TAGS := $(TAGS)
release: export BOTGATE_LDFLAGS := $(LDFLAGS)
release: ## build archives, packages, SBOMs and checksums into dist/; RELEASE has goreleaser's flags
	@sh deploy/release/tools.sh goreleaser cyclonedx-gomod cosign
	PATH="$(CURDIR)/bin:$$PATH" goreleaser release --clean $(RELEASE)

install-check: export BOTGATE_TAGS := $(TAGS)
install-check: export BOTGATE_LDFLAGS := $(LDFLAGS)
install-check: ## install the .deb into a Debian of its own, run, upgrade and remove it; ten minutes (root on Debian)
	@sh deploy/release/install_check.sh

release-check: ## build a release twice, compare, and look at what is in it; a quarter of an hour the first time
	@sh deploy/release/check.sh

lint: ## run the linters; installs golangci-lint into bin/ the first time
	@test -x bin/golangci-lint || { echo "Installing golangci-lint; this takes a minute ..."; \
		GOBIN=$(CURDIR)/bin $(GO) install github.com/$(LINT); }
	@sh deploy/release/tools.sh actionlint
	bin/actionlint
	bin/golangci-lint run --allow-parallel-runners ./...
	@for module in bench/peers deploy/checks deploy/checks/alerts deploy/grafana sdk/go sdk/workers/mail; do \
		(cd $$module && set -x && $(CURDIR)/bin/golangci-lint run --allow-parallel-runners ./...) || exit 1; \
	done

docs: ## write the pages of docs/reference that are made from code
	$(GO) test -tags $(TAGS) -run TestDocs ./backend/config ./cmd/botgate-backend ./modules/cli -update

FUZZTIME ?= 20s
fuzz: ## run every fuzz target for FUZZTIME each
	@for pkg in $$($(GO) list -tags $(TAGS) ./...); do \
		for target in $$($(GO) test -tags $(TAGS) -list '^Fuzz' $$pkg | grep ^Fuzz); do \
			echo "$$pkg $$target"; $(GO) test -tags $(TAGS) -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

# The costs that "botgate-backend capacity" reckons with are written with the commit that was measured.
bench: export BOTGATE_BENCH_MEASURED := $(COMMIT)
bench: ## run the benchmarks, with allocations; writes backend/capacity/constants.json: make docs follows
	$(GO) run ./internal/testsvc/withsvc -- $(GO) test -tags $(TAGS) -run '^$$' -bench . -benchmem -timeout 2h ./...

capacity-check: test-deps ## compare what "botgate-backend capacity" predicts with what this machine does, in five minutes
	BOTGATE_CAPACITY_CHECK=1 $(GO) test -tags $(TAGS) -count 1 -v -run '^TestCapacity$$' -timeout 30m ./bench

# Flags, such as PEERS='-rounds 1 -seconds 3 -only plain,botgate'; bench/peers/README.md says which.
PEERS ?=
bench-peers: ## measure Botgate beside what people would use instead, in at most 15 minutes
	@BOTGATE_TEST_POSTGRES_URL=none BOTGATE_TEST_S3_URL=none \
		$(GO) run ./internal/testsvc/withsvc -- $(GO) -C bench/peers run . $(PEERS)

xbuild: ## build a gateway from xcaddy.json, with the plugins it lists
	$(GO) run ./cmd/xbuild

clean: ## remove what was built; data/ stays
	rm -rf bin integration/node_modules sdk/clients/node_modules bench/peers/node/node_modules
