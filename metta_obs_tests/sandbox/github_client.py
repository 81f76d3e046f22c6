"""A plain client for the simulated GitHub's GraphQL, for the tests."""

from __future__ import annotations

from typing import Any

import requests

from metta_obs.sandbox.sandbox import Sandbox

ENGINE = 'repository(owner: "acme", name: "engine")'
PAGED = "totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"


class GraphQLClient:
    """Asks with the token `secret`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.url = f"{sandbox.github_url}/graphql"
        self.session = requests.Session()
        self.session.headers["Authorization"] = "bearer secret"

    def post(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = self.session.post(self.url, json={"query": query, "variables": variables})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def ok(self, query: str, **variables: Any) -> Any:
        body = self.post(query, **variables)
        assert "errors" not in body, body["errors"]
        return body["data"]

    def engine(self, fields: str, **variables: Any) -> Any:
        head = (
            f"query({', '.join(f'${name}: {_type(value)}' for name, value in variables.items())})" if variables else ""
        )
        return self.ok(f"{head} {{ {ENGINE} {{ {fields} }} }}", **variables)["repository"]

    def pull(self, number: int, fields: str) -> Any:
        return self.engine(f"pullRequest(number: {number}) {{ {fields} }}")["pullRequest"]


def _type(value: Any) -> str:
    return {str: "String", int: "Int"}[type(value)]
