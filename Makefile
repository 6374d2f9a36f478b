# The commands of the README. Everything is installed into .venv; nothing else is touched.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install --no-compile  # bytecode is compiled where it is needed
WHEEL_TESTS := build/wheel
# Three on two cores too, since many tests wait; a file to a process, for what its tests share.
WORKERS ?= 3
AT_ONCE = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
WHEEL_PYTEST := ../../.venv-wheel/bin/python -m pytest
APART := --ignore tests/vllm --ignore tests/test_ray_runs.py
VLLM := tests/vllm/test_parity.py tests/test_llama_cpp.py
VLLM_ALL := tests/vllm/test_*.py tests/test_architectures.py tests/test_llama_cpp.py

# What most of the tests' processes import: to compile it takes 14 s, once rather than in each of them.
HEAVY := import torch, transformers, pandas, pyarrow.parquet, matplotlib.pyplot, scipy.stats, \
  statsmodels.api, skimage, aiohttp, hypothesis, transformers.models.llava.modeling_llava

.PHONY: demo test test-all beside lint unit checkout ray wheel vllm docs clean parser-rates

# The models are tiny: of several torch threads in each of several processes, most of the time of
# each goes to waiting for the others.
unit checkout ray wheel vllm: export OMP_NUM_THREADS := 1
# And each process of the hundreds would compile all anew if bytecode were not kept.
unexport PYTHONDONTWRITEBYTECODE

demo: .venv/demo-ready
	$(BIN)/mubench-gen eval --plugin tiny

# What proves each promise once, against the wheel, which is what users get. The wheel's tests begin
# as soon as .venv is there, and all else goes on beside them.
test:
	$(MAKE) -j 2 wheel beside

beside: .venv/test-ready .venv-vllm
	$(MAKE) lint
	$(MAKE) vllm
	$(MAKE) ray

# All there is: tests marked `exhaustive` too (more architectures, simulations, training, fuzzing with
# 100,000 inputs a reader), and what a checkout finds elsewhere than a wheel does.
test-all: .venv/test-ready
	PYTEST_ADDOPTS='-m ""' $(MAKE) lint checkout wheel ray vllm VLLM='$(VLLM_ALL)'

lint: .venv/test-ready
	$(BIN)/ruff format --check harness plugins tests benchmarks docs
	$(BIN)/ruff check harness plugins tests benchmarks docs
	$(BIN)/mypy
	$(BIN)/lint-imports

# All of them against the checkout, which is quicker to set up than the wheel.
unit: .venv/test-ready
	$(BIN)/python -m pytest $(AT_ONCE) $(APART)

# What is found elsewhere in a checkout than in a wheel, or is there alone.
checkout: .venv/test-ready
	$(BIN)/python -m pytest $(AT_ONCE) tests/test_cli.py tests/test_imports.py tests/test_plugins.py \
	  tests/test_api.py tests/test_docs.py tests/test_release.py tests/test_extending.py

# Real clusters on this machine, one at a time.
ray: .venv/test-ready
	$(BIN)/python -m pytest tests/test_ray_runs.py

# Against the built wheel, the sources out of reach: an environment that holds the wheel and,
# behind it, the packages of .venv, but not .venv's link to the checkout. The tests are copied anew,
# and to rewrite their asserts would take each process 15 s: what fails is run again for its values.
wheel: .venv/test-ready
	rm -rf $(WHEEL_TESTS) .venv-wheel
	mkdir -p $(WHEEL_TESTS)
	$(BIN)/python -m build --no-isolation --wheel --sdist --outdir $(WHEEL_TESTS)/dist . > $(WHEEL_TESTS)/build.log
	$(PYTHON) -m venv --without-pip .venv-wheel
	$(PIP) --python .venv-wheel/bin/python install --no-deps $(WHEEL_TESTS)/dist/*.whl
	$(BIN)/python -c "import site; print(site.getsitepackages()[0])" \
	  > "$$(.venv-wheel/bin/python -c 'import site; print(site.getsitepackages()[0])')/borrowed.pth"
	cp -r tests docs benchmarks pyproject.toml plugins/example $(WHEEL_TESTS)
	cd $(WHEEL_TESTS) && export MUBENCH_GEN_TEST_WHEEL="$$PWD/dist" && \
	  { $(WHEEL_PYTEST) $(AT_ONCE) $(APART) --assert plain || \
	  { $(WHEEL_PYTEST) --last-failed --last-failed-no-failures none; exit 1; }; }
	@command -v chromedriver > /dev/null || echo "NO BROWSER: the report's page was NOT tested." \
	  "Type: apt-get install chromium chromium-driver" >&2

# With the real vLLM, in an environment of its own. Where that can't be set up, the tests are
# skipped, each with the reason. A process a file: vLLM shares state between the engines of a
# process, so that closing one takes down the others. The architectures whose processors need
# torchvision are opened here too; the conformance of two of them is a matter of `unit`.
vllm: .venv/test-ready .venv-vllm
	@if [ -f .venv-vllm/ready ]; then \
	  failed=0; \
	  export PYTHONPATH="$(CURDIR)/tests/vllm/shim"; \
	  for file in $(VLLM); do .venv-vllm/bin/python -m pytest $$file || failed=1; done; \
	  exit $$failed; \
	else \
	  MUBENCH_GEN_NO_VLLM="$$(cat .venv-vllm/reason)" $(BIN)/python -m pytest tests/vllm; \
	fi

.PHONY: .venv-vllm
.venv-vllm: .venv/bin/python
	tests/vllm/environment.sh .venv-vllm .venv $(PYTHON)

# The pip that Python brings compares each file of an index with each of a thousand tags: the newest
# installs the same in half of the time.
.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(PIP) install --upgrade pip

.venv/demo-ready: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) --constraint constraints.txt --editable '.[transformers]'
	touch $@

.venv/test-ready: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) --constraint constraints.txt --editable '.[transformers,server,ray,ubench,tiff,dicom,lif,docs,dev]'
	$(BIN)/python -c '$(HEAVY)'
	touch $@

# The site, strictly, into build/site.
docs: .venv/test-ready
	$(BIN)/python -m mkdocs build --strict

# The answer parser's error rates on labelled replies: SETS="FILE …", by default the project's own.
parser-rates: .venv/test-ready
	$(BIN)/python -m mubench_gen.parser.conformance --rules $(SETS)

clean:
	rm -rf .venv .venv-wheel .venv-vllm build dist
