# Each target sets up everything that it needs in $(VENV).
PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
PIP = $(VENV)/bin/pip --disable-pip-version-check --quiet
NLPIE = $(VENV)/bin/nlpie

.PHONY: demo test lint lint-workflows wheel check-docs changed evaluate propose-results release-check release-push clean

demo: $(VENV)/.core  ## The four tasks on the examples: shown in colour, written to out/demo
	$(NLPIE) annotate examples/notes/*.txt --show --overwrite -o out/demo/notes.jsonl -o out/demo/notes.html
	$(NLPIE) annotate examples/adverse_effects.jsonl --task relation --show --overwrite -o out/demo/relations.csv
	$(NLPIE) annotate examples/questions.jsonl --task nli --show --overwrite -o out/demo/questions.csv
	$(NLPIE) annotate examples/terms.jsonl --task classification --show --overwrite -o out/demo/terms.csv

test: $(VENV)/.dev  ## Run the tests
	HF_HUB_OFFLINE=1 $(VENV)/bin/python -m pytest

lint: $(VENV)/.dev  ## Check style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

lint-workflows: $(VENV)/.workflows  ## Check the GitHub workflows
	$(VENV)/bin/zizmor --offline --pedantic .github/workflows
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

wheel: $(VENV)/.dev  ## Build the wheel, install it elsewhere and use it there
	rm -rf build dist
	$(VENV)/bin/python -m build --wheel --outdir dist .
	PYTHON=$(PYTHON) bash tests/check_wheel.sh dist/*.whl

check-docs: $(VENV)/.dev  ## Fail if a generated table or card is stale
	$(NLPIE) evaluate --report README.md --check
	$(NLPIE) card --all --check

changed: $(VENV)/.dev  ## Write the checkpoints that changed since $$SINCE to $$GITHUB_OUTPUT
	found=$$($(NLPIE) release changed --since "$$SINCE") && echo "checkpoints=$$found" >> "$$GITHUB_OUTPUT"

evaluate: $(VENV)/.dev  ## Score $$CHECKPOINT on the open suite, as far as its sets are on the Hub, and write the tables
	$(NLPIE) evaluate "$$CHECKPOINT" --suite open
	$(NLPIE) evaluate --report README.md
	$(NLPIE) card --all

propose-results:  ## Open a pull request with what `make evaluate` has written
	.ci/propose-results

release-check: $(VENV)/.dev  ## Check whether $$CHECKPOINT is fit to be released
	$(NLPIE) release check "$$CHECKPOINT"

release-push: $(VENV)/.dev  ## Push $$CHECKPOINT to $$HF_OIDC_RESOURCE, a repository of the Hub
	$(NLPIE) release push "$$CHECKPOINT" --repo "$$HF_OIDC_RESOURCE" --yes

clean:
	rm -rf $(VENV) build dist out *.egg-info

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(PIP) install $(addprefix --constraint ,$(CONSTRAINTS)) --editable .
	touch $@

$(VENV)/.dev: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(PIP) install $(addprefix --constraint ,$(CONSTRAINTS)) --editable '.[dev]'
	touch $@ $(VENV)/.core

$(VENV)/.workflows: $(VENV)/bin/pip constraints.txt
	$(PIP) install $(addprefix --constraint ,$(CONSTRAINTS)) zizmor check-jsonschema
	touch $@
