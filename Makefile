PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test coverage lint docs dist test-lowest test-newest roundtrip clean

# Train, evaluate, save and draw a classifier: on simulated spectra, or on DATA=file.npz.
demo: $(VENV)/installed
	$(BIN)/python examples/demo.py $(if $(DATA),--data "$(DATA)")

test: $(VENV)/installed
	$(BIN)/python -m pytest

# The same tests, and which lines and branches none of them runs; it fails below 95 %.
coverage: $(VENV)/installed
	$(BIN)/python -m pytest --cov

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The site, in docs/_build/html. Every example that changed since the last build is run.
docs: $(VENV)/installed-docs
	$(BIN)/python -m sphinx -W --keep-going --nitpicky docs docs/_build/html

# Source distribution and wheel, into dist/.
dist: $(VENV)/installed-docs
	rm -rf dist
	$(BIN)/python -m build

# All tests against the wheel in an empty environment, with the lowest versions that pyproject.toml allows, or the newest.
# PyTorch too: the registry's comes with the libraries for a GPU, 5 GB.
# The lowest need Python 3.11.
test-lowest: constraints := --constraint constraints-lowest.txt
test-lowest test-newest: test-%: dist
	$(PYTHON) -m venv --clear .venv-$*
	.venv-$*/bin/pip install --quiet $(constraints) "$$(ls dist/*.whl)[files,plot,test]"
	.venv-$*/bin/pip check
	.venv-$*/bin/pytest tests --pyargs skspectra

# Models saved with the PyTorch of one environment predict the same with that of another: make roundtrip SAVE=.venv-a LOAD=.venv-b
SAVE ?= $(VENV)
LOAD ?= $(VENV)
roundtrip: $(VENV)/installed
	rm -rf build/roundtrip
	$(SAVE)/bin/python -m benchmarks.files.roundtrip_torch save build/roundtrip
	$(LOAD)/bin/python -m benchmarks.files.roundtrip_torch load build/roundtrip

# PyTorch first: pip takes the CPU build where one is at hand.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[files,plot,test]"
	touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	touch $@

clean:
	rm -rf $(VENV) .venv-lowest .venv-newest build dist demo-output docs/_build docs/generated docs/auto_examples *.egg-info
