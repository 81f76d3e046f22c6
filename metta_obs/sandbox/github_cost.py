"""What a GraphQL query costs by GitHub's documented formula, and the queries that it refuses for their size.

Here: the walk over a validated query. Source: "Rate limits and query limits for the GraphQL API" in GitHub's docs:
add up the requests needed to fulfil each unique connection, assuming that every `first` or `last` is reached; divide
by 100, round, at least 1 point. `nodes(ids:)` counts as many parents as it names ids. `first` or `last` must be given
(not where only `totalCount` is asked), within 1 to 100, and at most 500,000 nodes may be asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLIncludeDirective,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_argument_values,
    get_directive_values,
    get_named_type,
)

MOST_PER_CONNECTION = 100
MOST_NODES = 500_000


def refusal(kind: str, message: str, nodes: list[FieldNode] | None = None) -> GraphQLError:
    """An error with GitHub's `type`."""
    return GraphQLError(message, nodes, extensions={"type": kind})


@dataclass
class Cost:
    """`requests` to connections and the `nodes` that they may return; `errors` where GitHub refuses the query."""

    requests: int = 0
    nodes: int = 0
    errors: list[GraphQLError] = field(default_factory=list)

    @property
    def points(self) -> int:
        """Points of the hourly quota."""
        return max(1, (self.requests + 50) // 100)


class Meter:
    """Measures one operation; `fragments` by name, `variables` coerced."""

    def __init__(
        self, schema: GraphQLSchema, fragments: dict[str, FragmentDefinitionNode], variables: dict[str, Any]
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.variables = variables
        self.cost = Cost()

    def measure(self, operation: OperationDefinitionNode) -> Cost:
        """The cost of `operation`."""
        assert self.schema.query_type is not None
        self._walk([(self.schema.query_type, operation.selection_set)], 1)
        if self.cost.nodes > MOST_NODES:
            self.cost.errors.append(
                refusal(
                    "MAX_NODE_LIMIT_EXCEEDED",
                    f"This query requests up to {self.cost.nodes:,} possible nodes which exceeds the maximum limit of "
                    f"{MOST_NODES:,}.",
                )
            )
        return self.cost

    def _walk(self, selections: list[tuple[Any, SelectionSetNode]], parents: int) -> None:
        fields: dict[str, list[tuple[Any, FieldNode]]] = {}
        for owner, selection_set in selections:
            self._collect(owner, selection_set, fields)
        for uses in fields.values():
            owner, node = uses[0]
            definition = owner.fields.get(node.name.value)
            below = [
                (get_named_type(o.fields[n.name.value].type), n.selection_set)
                for o, n in uses
                if n.selection_set is not None and n.name.value in o.fields
            ]
            if definition is None or not below:
                continue
            count = parents
            arguments = get_argument_values(definition, node, self.variables)
            if below[0][0].name.endswith("Connection"):
                count *= self._connection(node, arguments, [selection for _, selection in below], parents)
            elif owner.name == "Query" and node.name.value == "nodes":
                count *= max(1, len(arguments["ids"]))
            self._walk(below, count)

    def _connection(
        self, node: FieldNode, arguments: dict[str, Any], below: list[SelectionSetNode], parents: int
    ) -> int:
        """Count one connection; how many nodes each request of it may return."""
        self.cost.requests += parents
        name = node.name.value
        first, last = arguments.get("first"), arguments.get("last")
        size = first if first is not None else last
        if first is not None and last is not None:
            self._refuse(
                "EXCESSIVE_PAGINATION",
                node,
                f"Passing both `first` and `last` to paginate the `{name}` connection is not supported.",
            )
        elif size is None:
            if any(self._wants_rows(selection) for selection in below):
                self._refuse(
                    "MISSING_PAGINATION_BOUNDARIES",
                    node,
                    f"You must provide a `first` or `last` value to properly paginate the `{name}` connection.",
                )
            return 1
        elif not 1 <= size <= MOST_PER_CONNECTION:
            which = "first" if first is not None else "last"
            self._refuse(
                "EXCESSIVE_PAGINATION",
                node,
                f"Requesting {size} records on the `{name}` connection is "
                f"outside of the `{which}` limits of 1 to {MOST_PER_CONNECTION} records.",
            )
        self.cost.nodes += parents * (size or 0)
        return max(1, size or 1)

    def _refuse(self, kind: str, node: FieldNode, message: str) -> None:
        self.cost.errors.append(refusal(kind, message, [node]))

    def _wants_rows(self, selection_set: SelectionSetNode) -> bool:
        fields: dict[str, list[tuple[Any, FieldNode]]] = {}
        self._collect(None, selection_set, fields)
        names = {node.name.value for uses in fields.values() for _, node in uses}
        return bool(names & {"nodes", "edges", "pageInfo"})

    def _collect(
        self, owner: Any, selection_set: SelectionSetNode, fields: dict[str, list[tuple[Any, FieldNode]]]
    ) -> None:
        """Fields by response name, with the type that each is selected on; fragments are opened."""
        for selection in selection_set.selections:
            if not self._included(selection):
                continue
            if isinstance(selection, FieldNode):
                name = selection.alias.value if selection.alias else selection.name.value
                if owner is None or isinstance(owner, (GraphQLObjectType, GraphQLInterfaceType)):
                    fields.setdefault(name, []).append((owner, selection))
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                target = self.schema.type_map[condition.name.value] if condition and owner is not None else owner
                self._collect(target, selection.selection_set, fields)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self.fragments[selection.name.value]
                target = self.schema.type_map[fragment.type_condition.name.value] if owner is not None else None
                self._collect(target, fragment.selection_set, fields)

    def _included(self, node: SelectionNode) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
        return not (skip and skip["if"]) and not (include and not include["if"])
