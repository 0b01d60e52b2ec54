# Two commands do everything a new user needs: `make demo` and `make test`.
# Each creates .venv from the locked versions when it is missing; nothing is installed elsewhere.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Where nothing may be compiled beside the code, what is compiled is kept in the environment: each of the
# hundreds of processes of a run would compile everything anew, and pytest would rewrite every file.
KEPT := $(if $(PYTHONDONTWRITEBYTECODE),env -u PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX=$(CURDIR)/$(VENV)/pycache)
RUN := $(KEPT) $(BIN)/python
PYTEST_ARGS ?=
# Two workers for each core, six at most, as most of a test is waiting. In one process: PYTEST_ARGS=-n0
CORES := $(or $(shell getconf _NPROCESSORS_ONLN 2>/dev/null),2)
WORKERS := -n $(shell n=$$(( $(CORES) * 2 )); echo $$(( n > 6 ? 6 : n ))) --dist worksteal

# make simulate SEED=7 plays one seed again; HOURS=8, SECONDS=180 or SEEDS=100 fresh ones on JOBS cores.
JOBS ?= 2
SPAN = $(if $(HOURS),--seconds $$(( $(HOURS) * 3600 )),$(if $(SEEDS),--seeds $(SEEDS),--seconds $(or $(SECONDS),180)))
SIMULATE_ARGS ?=
SIMULATE = $(if $(SEED),seed $(SEED),run --jobs $(JOBS) $(SPAN)) $(SIMULATE_ARGS)

.DEFAULT_GOAL := help
.PHONY: help demo test coverage check differential bench simulate simulate-test mutants lock wheel clean

help:  ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 15

$(STAMP): requirements/dev.txt setup.cfg
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Telewarden needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "$(PYTHON) cannot create environments; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@echo "installing the locked versions into $(VENV): some minutes the first time"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)  ## Watch a supervised forwarder survive faults, for about a minute
	$(BIN)/telewarden demo $(DEMO_ARGS)

test: $(STAMP)  ## Run the tests
	$(RUN) -m pytest $(WORKERS) $(PYTEST_ARGS)

coverage: $(STAMP)  ## Run the tests and say which branches they miss; takes twice as long
	$(RUN) -m pytest $(WORKERS) --cov --cov-branch --cov-report=term:skip-covered $(PYTEST_ARGS)

check: $(STAMP)  ## Run ruff, mypy, pyright, the import contract and the packaging test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(RUN) -m pytest -m packaging

differential: $(STAMP)  ## Hold the supervisor against real Erlang (needs erl), ROUNDS fresh scripts or from SEED on
	$(RUN) tests/supervision/differential --rounds $(or $(ROUNDS),300) --seed "$(SEED)" $(DIFFERENTIAL_ARGS)

bench: $(STAMP)  ## Measure what the documents claim, side by side with the alternatives
	@for script in benchmarks/*.py; do echo "== $$script"; $(RUN) "$$script" || exit 1; done

simulate: $(STAMP)  ## Play fresh seeds for HOURS (or SECONDS, SEEDS), or one SEED again
	$(RUN) -m simulation $(SIMULATE)

simulate-test: $(STAMP)  ## Shrink SEED to the smallest script and keep it as the test NAME
	$(RUN) -m simulation test $(SEED) $(if $(NAME),--name $(NAME))

mutants: $(STAMP)  ## Count the small faults in ROOM (policy, forwarding, recovery) that its tests notice
	$(BIN)/pip install --quiet --disable-pip-version-check cosmic-ray==8.7.0
	$(RUN) tests/mutation_score.py $(or $(ROOM),policy) --sample $(or $(SAMPLE),200) $(MUTANTS_ARGS)

lock:  ## Lock the newest versions that requirements/dev.in allows (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--allow-unsafe --no-strip-extras --upgrade requirements/dev.in -o requirements/dev.txt

wheel: $(STAMP)  ## Build the wheel, dist/telewarden-VERSION-py3-none-any.whl
	$(BIN)/python -m build --no-isolation --wheel

clean:  ## Remove the environment and everything that was built
	rm -rf $(VENV) build dist *.egg-info .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
