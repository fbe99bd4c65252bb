# Each target sets up everything that it needs in $(VENV).
PYTHON ?= python3
VENV ?= .venv
PIP = $(VENV)/bin/pip --disable-pip-version-check --quiet
NLPIE = $(VENV)/bin/nlpie

.PHONY: demo test lint wheel check-docs clean

demo: $(VENV)/.core  ## Annotate the example notes: shown in colour, written to out/demo as JSON lines and HTML
	$(NLPIE) annotate examples/notes/*.txt --show --overwrite -o out/demo/notes.jsonl -o out/demo/notes.html

test: $(VENV)/.dev  ## Run the tests
	HF_HUB_OFFLINE=1 $(VENV)/bin/python -m pytest

lint: $(VENV)/.dev  ## Check style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

wheel: $(VENV)/.dev  ## Build the wheel, install it elsewhere and use it there
	rm -rf build dist
	$(VENV)/bin/python -m build --wheel --outdir dist .
	PYTHON=$(PYTHON) bash tests/check_wheel.sh dist/*.whl

check-docs: $(VENV)/.dev  ## Fail if a generated table or card is stale
	$(NLPIE) evaluate --report README.md --check
	$(NLPIE) card --all --check

clean:
	rm -rf $(VENV) build dist out *.egg-info

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(PIP) install --constraint constraints.txt --editable .
	touch $@

$(VENV)/.dev: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(PIP) install --constraint constraints.txt --editable '.[dev]'
	touch $@ $(VENV)/.core
