# The verbs of Citywide. Each one installs what it needs first; nothing else has to be done by hand.

.DEFAULT_GOAL := help
.PHONY: help run test test-peers bench real lint
PYTHON := .venv/bin/python

help: ## list these verbs
	@sed -n 's/^\([a-z-]*\): ## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

run: ## start Citywide on http://127.0.0.1:8000 (PORT=8080 for another port); Ctrl-C stops it
	@deploy/setup.sh --for run
	@exec .venv/bin/citywide up $(if $(PORT),--port $(PORT))

test: ## check style, types and contracts, then run all tests on a real PostGIS (PEERS=1: test-peers as well)
	@deploy/setup.sh --for $(if $(PEERS),peers,test)
	@$(MAKE) --no-print-directory lint
	@exec $(PYTHON) -m pytest $(if $(PEERS),,-m "not peers")

test-peers: ## harvest from real servers: CKAN, MapServer, QGIS Server, pygeoapi, tipg; what is not installed is skipped
	@deploy/setup.sh --for peers
	@exec $(PYTHON) -m pytest -m peers

lint: ## check style, types and who imports whom
	@deploy/setup.sh --for test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: ## measure a million rows harvested and read by pages, 300 feeds, a killed worker
	@deploy/setup.sh --for test
	@exec $(PYTHON) -m tests.bench $(ARGS)

real: ## harvest every real council file of ../shared/data
	@deploy/setup.sh --for test
	@exec $(PYTHON) -m tests.real $(ARGS)
