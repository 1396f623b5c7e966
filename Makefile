# `make run` sets up and runs the comparison; `make test` sets up and runs all checks.
# Both need only Python >= 3.11 and make.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# Idle OpenMP threads that spin starve the others on a busy machine.
export OMP_WAIT_POLICY := PASSIVE

# The checks start hundreds of processes, each of which would compile all it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test test-minimum test-newest mutants lint types unit results study models release docs clean

help:
	@echo "make run      set up and run the comparison (EMOTIFY where it is found, else a synthesised corpus)"
	@echo "make test     set up and run all checks: lint, types, tests, notebook, an end-to-end run"
	@echo "make test-minimum  run the command line's tests with the oldest versions that are declared"
	@echo "make test-newest   run them with the newest versions there are"
	@echo "make mutants  change the code in 400 places, one at a time; do the tests notice? (half an hour)"
	@echo "make docs     build the documentation into site/"
	@echo "make results  make the committed figures again (hours; resumes where it was stopped)"
	@echo "make study    train the networks on five fold seeds (about eight hours on two cores; resumes)"
	@echo "make release  build wheel and source archive into dist/, and try them out"
	@echo "make models   train and package the models of the wheel anew from results/ (half an hour)"
	@echo "make clean    remove the virtual environment and everything built"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12"; exit 1; }
	@echo "setting up $(VENV), once; this takes some minutes" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

run: $(STAMP)
	@$(BIN)/music-emotion compare --or-demo

# Types are checked beside the tests, which wait at times; what mypy says comes after them, whole.
test: lint
	@said=$$(mktemp); \
	$(MAKE) --no-print-directory types > "$$said" 2>&1 & types=$$!; \
	$(MAKE) --no-print-directory unit; tests=$$?; \
	wait $$types; typed=$$?; \
	cat "$$said"; rm "$$said"; \
	exit $$((tests | typed))

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(STAMP)
	$(BIN)/mypy

# Some tests wait: one process more than there are cores. Files start in their order, as the longest
# are not those with the most tests. A process that crashes ends the run: where it is replaced,
# what it had done is handed out again and the others wait for ever.
PROCESSES ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
unit: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest \
		--numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder --max-worker-restart 0

# Declared versions are promises: what users have may be as old, or as new.
EXTRAS   := train,formats,web,library,parquet,distributed,beets,test
PROMISED := tests/cli tests/inference tests/audio

VERSIONS_minimum = --constraint .venv-minimum/minimum.txt
VERSIONS_newest  = --upgrade --upgrade-strategy eager
PREPARE_minimum  = $(PYTHON) tools/minimum_versions.py > .venv-minimum/minimum.txt

test-minimum test-newest: test-%:
	$(PYTHON) -m venv --clear .venv-$*
	$(PREPARE_$*)
	.venv-$*/bin/python -m pip install --quiet --upgrade pip
	.venv-$*/bin/python -m pip install --quiet $(VERSIONS_$*) \
		--constraint constraints.txt --editable '.[$(EXTRAS)]'
	OMP_NUM_THREADS=1 .venv-$*/bin/python -m pytest -n auto --dist loadfile --max-worker-restart 0 $(PROMISED)

# Another sample: make mutants SEED=3
SEED ?= 2
mutants: $(STAMP)
	$(BIN)/python tools/mutants.py --seed $(SEED) --count 400

CURVE = $(BIN)/music-emotion compare --protocol artist --train-share 0.25 --train-share 0.5 \
	--train-share 0.75 --train-share 1 --trainings 3 --out results
results: $(STAMP)
	$(BIN)/music-emotion compare --models six,bilstm_cnn_without_smote --out results
	$(BIN)/music-emotion compare --models baselines --repeats 5 --out results
	$(BIN)/music-emotion compare --models light,transfer,blend --target votes --protocol artist \
		--repeats 5 --out results
	$(BIN)/music-emotion compare --models six --target votes --out results --protocol track \
		--protocol artist
	$(CURVE) --models transfer,blend --target votes
	$(CURVE) --models svm
	$(BIN)/music-emotion listeners --out results
	$(BIN)/music-emotion leak --out results
	$(BIN)/python tools/update_docs.py
	$(BIN)/python tools/run_notebook.py

# Five fold seeds of the networks, each with its training, the protocols that matter most first.
STUDY = $(BIN)/music-emotion compare --models six,bilstm_cnn_without_smote --repeats 5 --out results
study: $(STAMP)
	$(STUDY) --protocol artist
	$(STUDY) --protocol track
	$(BIN)/music-emotion compare --models six --target votes --protocol artist --repeats 5 \
		--out results
	$(STUDY) --protocol segment
	$(CURVE) --models bilstm_cnn,cnn2d_specaugment
	$(BIN)/python tools/update_docs.py

release: $(STAMP)
	$(BIN)/python tools/release.py

docs: $(STAMP)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --jobs auto docs site

models: $(STAMP)
	$(BIN)/python tools/build_models.py
	$(BIN)/python tools/model_pages.py

clean:
	rm -rf $(VENV) .venv-minimum .venv-newest build dist site docs/api runs .pytest_cache .mypy_cache .ruff_cache .hypothesis
