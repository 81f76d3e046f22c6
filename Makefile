# Each target sets up what it needs: a clean clone, Python 3.11 or newer, make and git are enough.

PY := .venv/bin/python
# Neither `dagster dev` nor a run reports anything to Dagster's makers.
export DAGSTER_DISABLE_TELEMETRY := yes
# Where Python may not keep what it compiled, every start of Dagster takes ten seconds longer.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test run ui lint types docs lock clean dashboards-build dashboards-push

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{ printf "  make %-18s %s\n", $$1, $$2 }'

.venv/ready: scripts/setup requirements-dev.lock pyproject.toml
	@scripts/setup

demo: .venv/ready ## everything against simulated servers, then Dagster on port 3000; ONCE=1 stops after the first run
	@$(PY) -m metta_obs.demo $(if $(ONCE),--once)

test: .venv/ready ## the tests, on all cores; ARGS=… goes to pytest
	@$(PY) -m pytest -q -n auto --dist loadfile $(ARGS)

run: .venv/ready ## the main job once, for real: needs the settings of .env.sample in .env
	@$(PY) -m metta_obs.cli.once

ui: .venv/ready ## Dagster's web interface, for real, on port 3000
	@DAGSTER_HOME='$(CURDIR)' $(PY) -W ignore -m dagster dev -w workspace.yaml

lint: .venv/ready ## style and likely mistakes
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check

types: .venv/ready ## type check
	@$(PY) -m mypy metta_obs

docs: .venv/ready ## write the generated documents and .env.sample anew
	@$(PY) -m metta_obs.docs

lock: .venv/ready ## write the lock files anew from pyproject.toml; UPGRADE=1 takes newer releases
	@$(PY) -m uv pip compile pyproject.toml --output-file requirements.lock $(LOCK)
	@$(PY) -m uv pip compile pyproject.toml --extra dev --constraint requirements.lock --output-file requirements-dev.lock $(LOCK)

# For every platform and Python, with hashes, without the address that the packages came from; with extras, because pip
# takes `gql==4` not to pin the `gql[requests]` that another package asks for.
LOCK = $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-header --quiet

dashboards-build: .venv/ready ## compile and check the dashboards
	@$(PY) -m metta_obs.cli.main datadog dashboard build

dashboards-push: .venv/ready ## create or update Datadog's dashboards, for real
	@$(PY) -m metta_obs.cli.main datadog dashboard push

clean: ## remove what make made, not what the program keeps in .metta_obs
	rm -rf .venv build templates .specs .hypothesis .mypy_cache .pytest_cache .ruff_cache ./*.egg-info
	find metta_obs metta_obs_tests -name __pycache__ -type d -prune -exec rm -rf {} +
