# Two commands for a fresh clone; they need Python 3.10 or newer and nothing else.
#   make demo    runs the main job on a small fake Common Crawl, offline
#   make test    runs the tests
# and a third that wants Dask: `make demo-hosts` runs the main job over three hosts, made of namespaces by root, or of
# workers of this machine, and loses one of them on the way.
# `make test` skips, and says so, what this machine cannot do: the tests on fake hosts want Linux, root, and Debian's
# openssh-server, openssh-client and iproute2; those with Spark, and with real files, see .ci/run.
# `make bench` needs an hour, 10 GB, and for some of it Java 17, nginx and libnginx-mod-http-lua besides;
# that over hosts needs what their tests need.
PYTHON ?= python3
BIN := .venv/bin

# Where it is set, each of the thousands of processes that tests start would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo demo-hosts test lint bench clean

demo: .venv/demo.stamp
	$(BIN)/cctrawl demo

demo-hosts: .venv/cluster.stamp
	$(BIN)/cctrawl demo --hosts

test: .venv/test.stamp
	$(BIN)/python -m pytest -n auto --dist worksteal -q

lint: .venv/lint.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/bench.stamp
	$(BIN)/python benchmarks/themes_over_http.py
	$(BIN)/python benchmarks/iterate_records.py
	$(BIN)/python benchmarks/host_filter.py
	$(BIN)/python benchmarks/plain_warc.py
	$(BIN)/python benchmarks/start_up.py
	$(BIN)/python benchmarks/worker_memory.py
	$(BIN)/python benchmarks/two_workers.py
	$(BIN)/python benchmarks/many_inputs.py
	$(BIN)/python benchmarks/limited_server.py
	$(BIN)/python benchmarks/decode_footers.py
	$(BIN)/python benchmarks/harvest_footers.py
	$(BIN)/python benchmarks/one_core.py
	$(BIN)/python benchmarks/limited_footers.py
	$(BIN)/python benchmarks/index_store.py
	$(BIN)/python benchmarks/find_row_groups.py
	$(BIN)/python benchmarks/find_captures.py
	$(BIN)/python benchmarks/find_crawls.py
	$(BIN)/python benchmarks/fetch_ranges.py
	$(BIN)/python benchmarks/fetch_records.py
	$(BIN)/python benchmarks/cluster_inputs.py
	$(BIN)/python benchmarks/three_hosts.py
	$(BIN)/python benchmarks/lost_hosts.py
	$(BIN)/python benchmarks/large_results.py

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/demo.stamp: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/%.stamp: .venv/demo.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	touch $@
