"""The simulated GitHub held to GitHub's published descriptions, not to our own idea of them.

`scripts/fetch_specs` brings the OpenAPI description and the GraphQL schema into .specs/; without them these tests are
skipped, except where CI is set: there they fail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import requests
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    is_required_argument,
    parse,
    validate,
)

from metta_obs.sandbox.clock import WorldClock
from metta_obs.sandbox.generator import default_world
from metta_obs.sandbox.generator_spec import WorldSpec, tiny
from metta_obs.sandbox.github_bodies import Site
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs_tests.sandbox import github_world as world
from metta_obs_tests.sandbox.specs import github_schema, need, openapi

# They need what scripts/fetch_specs brings, and share a world.
pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("conformance")]
DOCUMENTS = Path(__file__).parents[2] / "metta_obs" / "github"


@pytest.fixture(scope="module", autouse=True)
def _specs() -> None:
    need()


# --- REST


@cache
def validator(path: str) -> jsonschema_rs.Draft4Validator:
    """The validator for a 200 of GET `path`, with those schemas of the description that it needs."""
    answer = _json_schema(openapi()["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"])
    schemas: dict[str, Any] = {}
    wanted = _references(answer)
    while wanted:
        name = wanted.pop()
        if name not in schemas:
            schemas[name] = _json_schema(openapi()["components"]["schemas"][name])
            wanted |= _references(schemas[name])
    return jsonschema_rs.Draft4Validator(answer | {"components": {"schemas": schemas}}, validate_formats=True)


def _json_schema(value: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: what is `nullable` may also be null."""
    if isinstance(value, list):
        return [_json_schema(child) for child in value]
    if not isinstance(value, dict):
        return value
    found = {key: _json_schema(child) for key, child in value.items() if key not in ("example", "examples")}
    return {"anyOf": [found, {"type": "null"}]} if found.pop("nullable", False) is True else found


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"].rsplit("/", 1)[-1]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(_references(child) for child in value.values()))
    return set().union(*(_references(child) for child in value)) if isinstance(value, list) else set()


def _without_known_nulls(value: Any) -> Any:
    """The body with stand-ins where GitHub, too, answers null although its description does not say so: the accounts
    behind events and the forks behind heads once they are deleted."""
    if isinstance(value, list):
        return [_without_known_nulls(child) for child in value]
    if not isinstance(value, dict):
        return value
    found = {key: _without_known_nulls(child) for key, child in value.items()}
    if "event" in found and found.get("actor", 0) is None:
        found["actor"] = USER_STAND_IN
    if found.get("head_repository", 0) is None:
        found["head_repository"] = found["repository"]
    if "base" in found and found["head"]["repo"] is None:
        found["head"] |= {"repo": found["base"]["repo"], "label": found["base"]["label"]}
    return found


USER_STAND_IN: dict[str, Any] = {}

ROUTES = [
    ("/rate_limit", "/rate_limit"),
    ("/user", "/user"),
    ("/repos/{owner}/{repo}", ""),
    ("/repos/{owner}/{repo}/pulls", "/pulls?state=all&per_page=100&direction=asc"),
    ("/repos/{owner}/{repo}/pulls/{pull_number}", "/pulls/{pull}"),
    ("/repos/{owner}/{repo}/pulls/{pull_number}/commits", "/pulls/{pull}/commits"),
    ("/repos/{owner}/{repo}/pulls/{pull_number}/reviews", "/pulls/{pull}/reviews?per_page=100"),
    ("/repos/{owner}/{repo}/pulls/{pull_number}/comments", "/pulls/{pull}/comments?per_page=100"),
    ("/repos/{owner}/{repo}/pulls/comments", "/pulls/comments?per_page=100"),
    ("/repos/{owner}/{repo}/issues/comments", "/issues/comments?per_page=100"),
    ("/repos/{owner}/{repo}/issues/{issue_number}/comments", "/issues/{pull}/comments?per_page=100"),
    ("/repos/{owner}/{repo}/issues/{issue_number}/timeline", "/issues/{pull}/timeline?per_page=100"),
    ("/repos/{owner}/{repo}/issues/{issue_number}/events", "/issues/{pull}/events?per_page=100"),
    ("/repos/{owner}/{repo}/commits", "/commits?per_page=100"),
    ("/repos/{owner}/{repo}/commits/{ref}", "/commits/{sha}"),
    ("/repos/{owner}/{repo}/commits/{commit_sha}/pulls", "/commits/{sha}/pulls"),
    ("/repos/{owner}/{repo}/branches", "/branches?per_page=100"),
    ("/repos/{owner}/{repo}/branches/{branch}", "/branches/{branch}"),
    ("/repos/{owner}/{repo}/git/matching-refs/{ref}", "/git/matching-refs/heads/"),
    ("/repos/{owner}/{repo}/git/ref/{ref}", "/git/ref/heads/{branch}"),
    ("/repos/{owner}/{repo}/compare/{basehead}", "/compare/{parent}...{sha}"),
    ("/repos/{owner}/{repo}/actions/workflows", "/actions/workflows"),
    ("/repos/{owner}/{repo}/actions/workflows/{workflow_id}", "/actions/workflows/{workflow}"),
    ("/repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs", "/actions/workflows/{workflow}/runs?per_page=100"),
    ("/repos/{owner}/{repo}/actions/runs", "/actions/runs?per_page=100"),
    ("/repos/{owner}/{repo}/actions/runs/{run_id}", "/actions/runs/{run}"),
    ("/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}", "/actions/runs/{run}/attempts/1"),
    ("/repos/{owner}/{repo}/actions/runs/{run_id}/jobs", "/actions/runs/{run}/jobs?filter=all"),
    (
        "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs",
        "/actions/runs/{run}/attempts/1/jobs",
    ),
    ("/repos/{owner}/{repo}/actions/jobs/{job_id}", "/actions/jobs/{job}"),
]


def _picks(sandbox: Sandbox, name: str) -> dict[str, Any]:
    """A lively pull request, a commit, a run with several attempts … of a repository, to fill the routes with."""
    repo = sandbox.world.state()[name]
    view = sandbox.github.snapshot().views[name]
    assert view.head
    commit = next(c for c in view.history(view.head) if len(c.parents) == 1 and view.pulls_of(c.sha))
    run = max(repo.runs.values(), key=lambda run: len(run.attempts))
    pull = max(repo.pulls.values(), key=lambda p: len(p.timeline) + len(p.review_comments) + len(p.issue_comments))
    return {
        "pull": pull.number,
        "sha": commit.sha,
        "parent": commit.parents[0],
        "branch": repo.default_branch,
        "workflow": next(iter(repo.workflows)),
        "run": run.id,
        "job": run.attempts[-1].jobs[-1].id,
    }


@pytest.fixture(scope="module")
def generated() -> Iterator[Sandbox]:
    clock = WorldClock(world.NOW, running=False)
    with Sandbox(world=default_world(clock, 3, WorldSpec((tiny(),), 30))) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def hand_made() -> Iterator[Sandbox]:
    with world.sandbox() as sandbox:
        yield sandbox


@pytest.mark.parametrize("made", ["generated", "hand_made"])
@pytest.mark.parametrize(("path", "address"), ROUTES)
def test_rest_answers_are_as_github_describes_them(
    request: pytest.FixtureRequest, made: str, path: str, address: str
) -> None:
    sandbox: Sandbox = request.getfixturevalue(made)
    name = {"generated": "acme/capsule", "hand_made": "acme/engine"}[made]
    prefix = "" if path in ("/rate_limit", "/user") else f"/repos/{name}"
    url = sandbox.github_url + prefix + address.format_map(_picks(sandbox, name))
    answer = requests.get(url, headers={"Authorization": "Bearer x"}, timeout=10)
    assert answer.status_code == 200, answer.text
    USER_STAND_IN.update(Site(sandbox.github_url).user(world.ADA))
    errors = [
        f"{'.'.join(map(str, error.instance_path))}: {error.message[:300]}"
        for error in validator(path).iter_errors(_without_known_nulls(answer.json()))
    ]
    assert not errors, "\n".join(errors[:10])


# --- GraphQL


def documents() -> list[Path]:
    """Every GraphQL document of the product."""
    return sorted(DOCUMENTS.rglob("*.graphql"))


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_the_products_queries_are_valid_on_github_and_in_the_sandbox(document: Path, hand_made: Sandbox) -> None:
    parsed = parse(document.read_text())
    assert not validate(github_schema(), parsed)
    assert not validate(hand_made.github.graphql.schema, parsed)


def test_the_sandboxs_schema_is_a_part_of_githubs(hand_made: Sandbox) -> None:
    assert list(_differences(hand_made.github.graphql.schema, github_schema())) == []


def _differences(ours: GraphQLSchema, theirs: GraphQLSchema) -> Iterator[str]:
    mine: Any
    for name, mine in ours.type_map.items():
        if name.startswith("__"):
            continue
        yours: Any = theirs.type_map.get(name)
        if type(yours) is not type(mine):
            yield f"type {name}"
        elif isinstance(mine, (GraphQLObjectType, GraphQLInterfaceType)):
            yield from (f"{name} implements {i}" for i in _names(mine.interfaces) - _names(yours.interfaces))
            for field, definition in mine.fields.items():
                yield from _field_differences(f"{name}.{field}", definition, yours.fields.get(field))
        elif isinstance(mine, GraphQLInputObjectType):
            yield from (
                f"{name}.{field}"
                for field, definition in mine.fields.items()
                if str(yours.fields[field].type) != str(definition.type)
            )
        elif isinstance(mine, GraphQLEnumType):
            yield from (f"{name}.{value}" for value in set(mine.values) - set(yours.values))
        elif isinstance(mine, GraphQLUnionType):
            yield from (f"{name} | {member}" for member in _names(mine.types) - _names(yours.types))


def _names(types: Any) -> set[str]:
    return {member.name for member in types}


def _field_differences(name: str, mine: Any, yours: Any) -> Iterator[str]:
    if yours is None or str(yours.type) != str(mine.type):
        yield f"{name}: {mine.type}, on GitHub {yours and yours.type}"
        return
    for key, argument in mine.args.items():
        other = yours.args.get(key)
        if other is None or str(other.type) != str(argument.type) or other.default_value != argument.default_value:
            yield f"{name}({key})"
    yield from (
        f"{name} lacks ({key})"
        for key, argument in yours.args.items()
        if is_required_argument(argument) and key not in mine.args
    )


def test_graphql_answers_fit_githubs_types(generated: Sandbox) -> None:
    """Every field of every type that the sandbox has, asked of a whole generated world, its connections opened."""
    schema = generated.github.graphql.schema
    session = requests.Session()
    session.headers["Authorization"] = "Bearer x"
    nodes = _some_nodes(generated, session)
    assert all(nodes.values())
    for type_name, ids in nodes.items():
        mine = schema.type_map[type_name]
        assert isinstance(mine, GraphQLObjectType)
        fields = f"__typename ... on {type_name} {{ {_all_fields(schema, mine, 1)} }}"
        query = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {fields} }} }}"
        assert not validate(github_schema(), parse(query)), type_name
        body = session.post(f"{generated.github_url}/graphql", json={"query": query, "variables": {"ids": ids}}).json()
        assert "errors" not in body, (type_name, body["errors"][:2])
        assert {node["__typename"] for node in body["data"]["nodes"]} == {type_name}


def _all_fields(schema: GraphQLSchema, owner: Any, depth: int) -> str:
    """A selection of every field, objects and the rows of connections opened `depth` deep."""
    parts = []
    for name, field in owner.fields.items():
        named: Any = schema.type_map[re.sub(r"[\[\]!]", "", str(field.type))]
        required = [key for key, argument in field.args.items() if is_required_argument(argument)]
        if required or (name in ("object", "resource")):
            continue
        arguments = "(first: 20)" if "first" in field.args else ""
        if isinstance(named, (GraphQLObjectType, GraphQLInterfaceType)):
            if named.name.endswith("Connection"):
                node: Any = named.fields["nodes"].type.of_type
                members = [node] if hasattr(node, "fields") else node.types
                inside = " ".join(f"... on {m.name} {{ {_all_fields(schema, m, 0)} }}" for m in members if depth)
                inside += " __typename"
                parts.append(
                    f"{name}{arguments} {{ totalCount pageInfo {{ endCursor hasNextPage }} nodes {{ {inside} }} }}"
                )
            elif depth:
                parts.append(f"{name} {{ {_all_fields(schema, named, depth - 1)} }}")
        elif isinstance(named, GraphQLUnionType):
            parts.append(f"{name} {{ __typename }}")
        else:
            parts.append(name)
    return " ".join(parts) or "__typename"


def _some_nodes(sandbox: Sandbox, session: requests.Session) -> dict[str, list[str]]:
    """Ids of nodes by type, found through REST and through a lively pull request's connections."""
    base = f"{sandbox.github_url}/repos/acme/capsule"
    picks = _picks(sandbox, "acme/capsule")
    found: dict[str, list[str]] = {}
    for type_name, path in {
        "Repository": "",
        "PullRequest": "/pulls?state=all",
        "Workflow": "/actions/workflows",
        "WorkflowRun": "/actions/runs",
        "CheckRun": f"/actions/runs/{picks['run']}/jobs?filter=all",
        "Commit": "/commits",
        "Ref": "/git/matching-refs/heads/",
        "IssueComment": "/issues/comments",
        "PullRequestReviewComment": "/pulls/comments",
    }.items():
        body = session.get(base + path).json()
        rows = body if isinstance(body, list) else next((v for v in body.values() if isinstance(v, list) and v), [body])
        if isinstance(rows[0], dict) and "node_id" in rows[0]:
            found[type_name] = [row["node_id"] for row in rows[:6]]
        else:
            found[type_name] = [body["node_id"]]
    reviews = session.get(f"{base}/pulls/{picks['pull']}/reviews").json()
    found["PullRequestReview"] = [row["node_id"] for row in reviews[:6]]
    runs = session.get(f"{base}/actions/runs?per_page=6").json()["workflow_runs"]
    found["CheckSuite"] = [run["check_suite_node_id"] for run in runs]
    return found
