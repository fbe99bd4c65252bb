# Each target sets up everything that it needs in $(VENV); `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
WORKERS ?= 2
BIN = $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet
NLPIE = $(BIN)/nlpie
PYTEST = HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile
# What a user calls; of the tests with the lowest versions that pyproject.toml allows.
SERVING_TESTS = tests/documents tests/loading tests/tasks tests/test_bundled.py tests/test_pipelines.py

.PHONY: help demo test test-fast test-lowest test-transformers lint lint-workflows wheel check-docs check-tag changed \
	evaluate propose-results release-check release-push clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## */\t/' | expand -t 18

demo: $(VENV)/.core  ## Annotate the example texts: shown in colour, written to out/demo
	$(NLPIE) demo -o out/demo

test: $(VENV)/.dev  ## Run all tests
	$(PYTEST)

test-fast: $(VENV)/.dev  ## Run the tests that train nothing and start no process
	$(PYTEST) --dist worksteal --ignore=tests/integration

test-lowest: $(VENV)/.lowest  ## Run the tests of what users call with the lowest versions of what it needs
	$(PYTEST) $(SERVING_TESTS)

test-transformers: $(VENV)/.transformers  ## Run transformers' own tests of a model on MiniALBERT (ALL_SHAPES=1: all seven)
	TRANSFORMERS_SOURCE=$(VENV)/transformers $(PYTEST) --dist worksteal -o addopts=--import-mode=importlib \
		-o filterwarnings=ignore tests/transformers_common/minialbert.py

lint: $(VENV)/.dev  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lint-workflows: $(VENV)/.workflows  ## Check the GitHub workflows
	$(BIN)/zizmor --offline --pedantic .github
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

wheel: $(VENV)/.dev  ## Build the source archive, from it the wheel, install that elsewhere and use it there
	rm -rf build dist
	$(BIN)/python -m build --outdir dist .
	PYTHON=$(PYTHON) bash tests/check_wheel.sh dist/*.whl

check-docs: $(VENV)/.dev  ## Fail if a generated table or card is stale
	$(NLPIE) report --check
	$(NLPIE) card --all --check

check-tag:  ## Fail if the tag $$GITHUB_REF_NAME is not v and the version of the package
	grep -qxF "__version__ = \"$${GITHUB_REF_NAME#v}\"" nlpie_models/_version.py

changed: $(VENV)/.dev  ## Write the checkpoints that changed since $$SINCE to $$GITHUB_OUTPUT
	found=$$($(NLPIE) release changed --since "$$SINCE") && echo "checkpoints=$$found" >> "$$GITHUB_OUTPUT"

evaluate: $(VENV)/.dev  ## Score $$CHECKPOINT on the sets of the open suite that the Hub has, and write the tables
	$(NLPIE) evaluate "$$CHECKPOINT" --suite open
	$(NLPIE) report
	$(NLPIE) card --all

propose-results:  ## Open a pull request with what `make evaluate` has written
	.ci/propose-results

release-check: $(VENV)/.dev  ## Check whether $$CHECKPOINT is fit to be released
	$(NLPIE) release check "$$CHECKPOINT"

release-push: $(VENV)/.dev  ## Push $$CHECKPOINT to $$HF_OIDC_RESOURCE, a repository of the Hub
	$(NLPIE) release push "$$CHECKPOINT" --repo "$$HF_OIDC_RESOURCE" --yes

clean:  ## Remove what the other targets have made
	rm -rf $(VENV) build dist out *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install $(addprefix --constraint ,$(CONSTRAINTS)) --editable .
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install $(addprefix --constraint ,$(CONSTRAINTS)) --editable '.[dev]'
	touch $@ $(VENV)/.core

$(VENV)/.lowest: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install $(addprefix --constraint ,$(CONSTRAINTS)) uv
	$(BIN)/uv pip install --python $(BIN)/python --resolution lowest-direct --editable '.[all]' \
		'hypothesis>=6.100' 'pytest>=8' 'pytest-socket>=0.7' 'pytest-xdist>=3.6' 'tomlkit>=0.13'
	touch $@

# The tests are in the source archive alone, which pip does not give without what would build it.
$(VENV)/.transformers: $(VENV)/.dev constraints.txt
	$(PIP) install --constraint constraints.txt parameterized 'setuptools>=70.1'
	rm -rf $(VENV)/transformers
	$(PIP) download --no-deps --no-binary transformers --no-build-isolation --dest $(VENV)/transformers \
		"$$(grep ^transformers== constraints.txt)"
	tar -xzf $(VENV)/transformers/transformers-*.tar.gz -C $(VENV)/transformers --strip-components 1
	touch $@

$(VENV)/.workflows: constraints.txt | $(BIN)/python
	$(PIP) install $(addprefix --constraint ,$(CONSTRAINTS)) zizmor check-jsonschema
	touch $@
