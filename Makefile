# Everything here needs Python 3.11 or newer, and make. `make help` lists what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Node comes with the environment, its tools with package-lock.json: NODE makes both found.
NODE := PATH="$(CURDIR)/node_modules/.bin:$(CURDIR)/$(BIN):$$PATH"
NODE_TOOLS := node_modules/.made
# The TypeScript library as programs import it.
SDK := sdk/typescript/dist/index.js
WEB := web/dist/index.html

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

.PHONY: help
help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 22

.PHONY: serve
serve: $(VENV)/.runtime ## install and start the server; flags go into ARGS, as in: make serve ARGS="--port 9000"
	@$(MAKE) --no-print-directory --silent $(WEB) || echo "make: the web client could not be built (see above); serving without it" >&2
	@$(BIN)/causerie serve $(ARGS)

.PHONY: install
install: $(VENV)/.dev ## make .venv with Causerie (editable) and all that its tests need

.PHONY: test
test: lint layers generated types tests ## run all checks and all tests, as CI does

.PHONY: lint
lint: $(VENV)/.dev $(NODE_TOOLS) ## check style and format (make format mends what can be mended)
	$(BIN)/ruff check --quiet --output-format concise
	$(BIN)/ruff format --check --quiet
	$(NODE) biome check --error-on-warnings --log-level warn

.PHONY: format
format: $(VENV)/.dev $(NODE_TOOLS) ## format, and mend what ruff and biome can mend
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format --quiet
	$(NODE) biome check --write --log-level warn

.PHONY: layers
layers: $(VENV)/.dev ## check that imports point downwards
	$(BIN)/lint-imports --no-logo --no-cache

.PHONY: generated
generated: $(VENV)/.dev ## check that generated files are current
	$(BIN)/python tools/generate.py --check

.PHONY: types
types: $(VENV)/.dev $(NODE_TOOLS) $(SDK) ## check types
	$(BIN)/mypy $(wildcard src tests tools bench examples)
	$(NODE) tsc --noEmit -p sdk/typescript
	$(NODE) tsc --noEmit -p web

# Each run keeps its measurement in a folder of its own, so that two runs do not mix.
MEASURE = data=$$(mktemp -d) && trap 'rm -rf "$$data"' EXIT && export COVERAGE_FILE="$$data/coverage" \
	&& $(BIN)/coverage run -m pytest -p tools.coverage_contexts $(1) \
	&& $(BIN)/coverage combine --quiet \
	&& $(BIN)/python tools/coverage_gate.py $(2)

# What the tests of clients that are not ours need: a client for Node only where there is npm.
FOREIGN := $(VENV)/.foreign \
  $(if $(shell command -v npm 2>/dev/null),tests/foreign/node/node_modules/.package-lock.json) \
  examples/first-chat/ts/node_modules/.package-lock.json

# The stacks that Causerie is measured beside. What a machine cannot run is left out: Bun is locked
# for Linux on x86-64 alone, and the one in C wants a compiler and epoll.
RIVALS := $(VENV)/.rivals bench/rivals/node_modules/.package-lock.json bench/rivals/.built/epoll

# A process more than there are cores: tests wait for servers, browsers and installers as much as they
# compute.
PROCESSES := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
SPREAD := --numprocesses $(PROCESSES) --maxprocesses 5 --dist worksteal

.PHONY: tests
tests: $(VENV)/.dev $(FOREIGN) $(NODE_TOOLS) $(WEB) ## run the tests, and prove that each module is covered by its own
	$(NODE) npm test --silent --workspace sdk/typescript
	$(NODE) npm test --silent --workspace web
	$(call MEASURE,$(SPREAD) --durations=10 --durations-min=1,)

# tests/chat/test_presence.py for src/causerie/chat/presence.py
OWN_TEST = $(patsubst src/causerie/%,tests/%,$(dir $(FILE)))test_$(notdir $(FILE))

.PHONY: cover
cover: $(VENV)/.dev ## run one module's own tests and say what they miss: make cover FILE=src/causerie/chat/presence.py
	@test -f "$(FILE)" || { echo "make: say which module: make cover FILE=src/causerie/chat/presence.py" >&2; exit 1; }
	@$(call MEASURE,--quiet $(OWN_TEST),$(FILE))

# Each round is a test of its own, one at a time: FAULT=kill-node,cut-back picks faults, STREAMS=3
# divides the rooms among three streams.
.PHONY: chaos
chaos: $(VENV)/.dev ## do harm to a cluster, again and again, and see it keep its promises: make chaos ROUNDS=10 SEED=1 FAULT=kill-node
	CHAOS_ROUNDS=$(or $(ROUNDS),10) CHAOS_SEED=$(SEED) CHAOS_FAULT=$(FAULT) CHAOS_STREAMS=$(or $(STREAMS),1) \
	  $(BIN)/pytest -p no:cacheprovider -rs --verbose --tb=short tests/chaos/test_chaos.py

.PHONY: pictures
pictures: $(VENV)/.dev $(WEB) ## make the pictures of the docs anew, from real sessions
	$(BIN)/python -m tools.pictures
	$(BIN)/python -m tools.pictures_web
	$(BIN)/python -m tools.pictures_terminal

COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-find-links --no-emit-index-url --custom-compile-command "make lock"

.PHONY: bench
bench: $(VENV)/.dev $(VENV)/.bench $(RIVALS) $(WEB) ## compare Causerie with the rivals, and measure the web client; a trial: make bench ARGS=--quick
	$(BIN)/python -m bench.compare $(ARGS)
	$(BIN)/python -m bench.page

.PHONY: rivals
rivals: $(RIVALS) ## install the other stacks that Causerie is measured beside, apart from what it needs itself

.PHONY: lock
lock: $(VENV)/.made ## lock the newest versions of all that pyproject.toml names, in requirements/
	@$(PIP) install uv
	$(COMPILE) pyproject.toml --extra cluster --extra fast --output-file requirements/runtime.txt
	$(COMPILE) --group build --output-file requirements/build.txt
	$(COMPILE) pyproject.toml --extra cluster --extra fast --group dev --output-file requirements/dev.txt \
	  --constraints requirements/runtime.txt --constraints requirements/build.txt
	$(COMPILE) requirements/foreign.in --output-file requirements/foreign.txt
	$(COMPILE) requirements/rivals.in --output-file requirements/rivals.txt
	$(COMPILE) requirements/bench.in --output-file requirements/bench.txt

# The stamps say what has been installed, so that the next make does not do it again.
$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "make: '$(PYTHON)' is not here: install Python 3.11 or newer, or name yours, as in 'make PYTHON=python3.12'." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: $$($(PYTHON) --version) is too old: install Python 3.11 or newer, or name one, as in 'make PYTHON=python3.12'." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make: '$(PYTHON)' comes without venv: install that part of it (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.made requirements/build.txt requirements/runtime.txt pyproject.toml
	@echo "Installing Causerie into $(VENV)"
	@$(PIP) install --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@echo "Installing what the tests need into $(VENV)"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(NODE_TOOLS): $(VENV)/.runtime package.json package-lock.json $(wildcard sdk/typescript/package.json web/package.json)
	@echo "Installing what the TypeScript needs into node_modules"
	@$(NODE) npm ci --ignore-scripts --loglevel error >/dev/null
	@touch $@

$(SDK): $(NODE_TOOLS) sdk/typescript/tsconfig.build.json $(shell find sdk/typescript/src -name '*.ts' 2>/dev/null)
	@echo "Building the TypeScript library"
	@$(NODE) npm run --silent build --workspace sdk/typescript
	@touch $@

$(WEB): $(SDK) web/index.html web/vite.config.ts $(wildcard catalogue/*.json) $(shell find web/src web/public -type f 2>/dev/null)
	@echo "Building the web client"
	@$(NODE) npm run --silent build --workspace web -- --logLevel warn
	@touch $@

# A library that Causerie uses too, in another version: it gets a folder of its own.
$(VENV)/.foreign: $(VENV)/.made requirements/foreign.txt
	@echo "Installing the foreign client for Python into $(VENV)/foreign"
	@rm -rf $(VENV)/foreign
	@$(PIP) install --no-warn-conflicts --require-hashes --target $(VENV)/foreign -r requirements/foreign.txt
	@touch $@

tests/foreign/node/node_modules/.package-lock.json: tests/foreign/node/package-lock.json
	@echo "Installing the foreign client for Node"
	@cd tests/foreign/node && npm ci --ignore-scripts --loglevel error >/dev/null
	@touch $@

examples/first-chat/ts/node_modules/.package-lock.json: $(VENV)/.runtime examples/first-chat/ts/package-lock.json
	@echo "Installing what the examples for Node need"
	@cd examples/first-chat/ts && $(NODE) npm ci --ignore-scripts --loglevel error >/dev/null
	@touch $@

# What draws the plots of a comparison, and nothing else needs.
$(VENV)/.bench: $(VENV)/.made requirements/bench.txt
	@echo "Installing what draws plots into $(VENV)/bench"
	@rm -rf $(VENV)/bench
	@$(PIP) install --no-warn-conflicts --require-hashes --target $(VENV)/bench -r requirements/bench.txt
	@touch $@

$(VENV)/.rivals: $(VENV)/.made requirements/rivals.txt
	@echo "Installing the rivals for Python into $(VENV)/rivals"
	@$(BIN)/python -m venv --clear --without-pip $(VENV)/rivals
	@$(PIP) --python $(VENV)/rivals/bin/python install --require-hashes -r requirements/rivals.txt
	@touch $@

bench/rivals/node_modules/.package-lock.json: $(VENV)/.runtime bench/rivals/package-lock.json
	@echo "Installing the rivals for Node, and Bun"
	@cd bench/rivals && $(NODE) npm ci --ignore-scripts --loglevel error >/dev/null
	@touch $@

# Not made where it cannot be, which is no error: whoever wants it finds it missing.
bench/rivals/.built/epoll: bench/rivals/epoll.c
	@mkdir -p $(@D)
	@if [ "$$(uname -s)" = Linux ] && command -v cc >/dev/null; then \
	  echo "Compiling the rival in C"; cc -std=c11 -O2 -Wall -Wextra -o $@ $<; \
	else echo "make: the rival in C is left out: it needs Linux and a C compiler, cc" >&2; fi
