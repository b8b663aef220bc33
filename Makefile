# The doors of this repository. They need Python 3.11+, make and git; the rest goes into .venv, from requirements.lock.
#
#   make demo    the main job, headless: a notebook gets a cluster, computes, and becomes a DAG
#   make lab     the same notebook in JupyterLab
#   make test    everything the tests need, then all of them, quick ones first
#   make airflow  operators, templates, Composer, schedulers and the tour on real Airflows: not among make test's
#   make infra-check  what is in infra/, by the tools that read it
#   make check   style, types, import arrows, spelling, and that the house is in order
#   make notebooks  executes notebooks/ and saves what they give, which the tests hold them to
#   make lock    requirements.lock anew from pyproject.toml
#   make clean   remove all that these have made

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.9
INSTALLED := .venv/.installed
LAPTOP := $(addprefix tests/,api clusters notebooks browser chaos)
BESIDE := $(addprefix tests/,yarn nodes gcs monitoring jupyter airflow/test_dag.py)
SETUPS := $(addsuffix /setup.sh,$(addprefix tests/,gcs airflow yarn nodes browser monitoring))
PYTEST := $(BIN)/python -m pytest --durations=15

.PHONY: demo lab test airflow infra-check check notebooks lock clean
.DELETE_ON_ERROR:

# These use the emulator, whatever cloud project is configured: nothing is paid for.
demo lab notebooks: export DASK_DATAPROC__PROJECT := local

demo: $(INSTALLED)
	@echo "The executed notebook:" && $(BIN)/dask dataproc run notebooks/quickstart.ipynb -o out/quickstart.ipynb
	@echo "What it did:" && $(BIN)/python notebooks/tell.py out/quickstart.ipynb
	@echo "The DAG made from it:" && $(BIN)/dask dataproc dag notebooks/quickstart.ipynb -o out/dags

lab: $(INSTALLED)
	@$(BIN)/jupyter lab notebooks/quickstart.ipynb

notebooks: $(INSTALLED)
	@$(BIN)/python notebooks/save.py

# Side by side: much of what they do is to wait. Of a notebook's DAG the newest Airflow only: `make airflow` has them all.
test: $(INSTALLED)
	@bash tests/side_by_side.sh "$(PYTEST) tests/unit" "set -e; for each in $(SETUPS); do bash \$$each; done"
	@bash tests/side_by_side.sh "$(PYTEST) $(LAPTOP)" "$(PYTEST) $(BESIDE) -k 'not 2.11'"

# All of the Airflows, of which the CI has no time for more than a notebook's DAG.
airflow: $(INSTALLED)
	@bash tests/airflow/setup.sh
	@bash tests/browser/setup.sh
	@$(PYTEST) tests/airflow tests/tour

infra-check: $(INSTALLED)
	@bash tests/monitoring/setup.sh
	@$(PYTEST) tests/monitoring
	@bash tests/ansible/setup.sh
	@bash tests/nodes/setup.sh
	@$(PYTEST) tests/ansible --junitxml=build/ansible/result.xml
	@bash tests/terraform/setup.sh
	@$(PYTEST) tests/terraform --junitxml=build/terraform/result.xml
	@$(BIN)/python -m tests.infra_check build/terraform/result.xml build/ansible/result.xml

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python -m pytest -q tests/unit/test_house.py

# The editable install comes after the lock and without dependencies, so that what runs is what is locked. What Jupyter
# loads of us is copied by it: it is made again when that has changed.
$(INSTALLED): requirements.lock pyproject.toml $(shell find kernel_ext/config kernel_ext/labextension -type f)
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer found; name one: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Installing into .venv (once, about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --reinstall-package dask-dataproc --editable .
	@touch $@

lock: $(INSTALLED)
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		pyproject.toml --output-file requirements.lock

clean:
	rm -rf .venv build dist out dask_dataproc.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
