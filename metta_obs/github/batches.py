"""GraphQL by ids: in batches that shrink when GitHub finds them too heavy.

Here: the batching, and which of the nodes came back whole. Not here: what is asked of each node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metta_obs.github.answers import GraphQLAnswer
from metta_obs.github.api import GitHub
from metta_obs.github.errors import TooHeavy

PATIENCE = 3  # nodes that are too heavy by themselves


@dataclass(frozen=True)
class Node:
    """What came back for one id: `body` is None where GitHub shows none, `errors` are those that concern this node."""

    id: str
    body: dict[str, Any] | None
    errors: tuple[dict[str, Any], ...]

    @property
    def unknown(self) -> bool:
        """GitHub says that nothing bears this id."""
        return self.body is None and any(error.get("type") == "NOT_FOUND" for error in self.errors)


def nodes(
    github: GitHub, document: str, ids: Sequence[str], size: int, variables: Mapping[str, Any] | None = None
) -> Iterator[list[Node]]:
    """Ask `document` (with `nodes(ids: $ids)`) for all `ids`, `size` at a time; yields a list of nodes per answer.

    Where GitHub gives up on a batch it is halved, down to one node, whose answer is taken with its holes. Where that
    happens time and again, GitHub is not able to do better, and all answers are taken as they come. Raises GitHubError
    where nothing comes back.
    """
    waiting = list(ids)
    now, alone = size, 0
    while waiting:
        batch = waiting[:now]
        wanted = {**(variables or {}), "ids": batch}
        try:
            answer = github.graphql(document, wanted, heavy="accept" if alone >= PATIENCE else "raise")
            now = min(size, 2 * now)
        except TooHeavy:
            if alone >= PATIENCE:
                raise
            now = max(1, len(batch) // 2)
            if len(batch) > 1:
                continue
            answer = github.graphql(document, wanted, heavy="accept")
            alone += 1
            now = size if alone >= PATIENCE else now
        waiting = waiting[len(batch) :]
        yield of_answer(answer, "nodes", batch)


def of_answer(answer: GraphQLAnswer, field: str, ids: Sequence[str]) -> list[Node]:
    """The nodes of the list `field` of an answer, one per id. An error without a place concerns all of them."""
    bodies = answer.data.get(field) or [None] * len(ids)
    everywhere = tuple(error for error in answer.errors if not error.get("path"))
    found = []
    for index, (node_id, body) in enumerate(zip(ids, bodies, strict=True)):
        own = tuple(e for e in answer.errors if (e.get("path") or [])[:2] in ([field, index], [field]))
        found.append(Node(node_id, body or None, own + everywhere))
    return found
