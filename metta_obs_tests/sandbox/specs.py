"""GitHub's published descriptions, which `scripts/fetch_specs` brings into .specs/."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema

ROOT = Path(__file__).parents[2]
OPENAPI = ROOT / ".specs" / "github-openapi.json"
SCHEMA = ROOT / ".specs" / "github-schema.graphql"


def need() -> None:
    """Skip the test where the descriptions are not there; fail it where CI is set."""
    if not (OPENAPI.exists() and SCHEMA.exists()):
        message = "GitHub's published descriptions are not in .specs/: run scripts/fetch_specs (needs npm)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


@cache
def openapi() -> dict[str, Any]:
    """The REST API, as OpenAPI 3.0."""
    description: dict[str, Any] = json.loads(OPENAPI.read_text())
    return description


@cache
def github_schema() -> GraphQLSchema:
    """The GraphQL API. The published text has parts that graphql-core's own checks refuse."""
    return build_schema(SCHEMA.read_text(), assume_valid=True, assume_valid_sdl=True)
