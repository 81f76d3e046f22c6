"""GraphQL as GitHub answers it, executed by graphql-core over `schema.graphql`.

Here: the schema with its resolvers, parsing, validation, execution, and the shape of errors. Not here: the fields
themselves (`github_fields*`), prices (`github_cost`), HTTP and quotas (`github`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionContext,
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    parse,
    validate,
)
from graphql.execution import execute
from graphql.execution.values import get_variable_values
from graphql.pyutils import Path as ResponsePath
from graphql.pyutils import Undefined

from metta_obs.sandbox import (  # noqa: F401  (they register their fields)
    github_fields_actions,
    github_fields_git,
    github_fields_pulls,
    github_fields_reviews,
    github_fields_timeline,
)
from metta_obs.sandbox.faults import PAGE_KINDS
from metta_obs.sandbox.github_bodies import iso
from metta_obs.sandbox.github_connections import BadCursor, Window, bounds
from metta_obs.sandbox.github_cost import Cost, Meter, refusal
from metta_obs.sandbox.github_fields import CONNECTIONS, PLAIN, WITH_ARGUMENTS, Context, Plain, repository
from metta_obs.sandbox.github_nodes import find_node

SCHEMA_FILE = Path(__file__).with_name("schema.graphql")
KEPT_DOCUMENTS = 256

# GitHub's ids have outgrown GraphQL's 32 bits, and GitHub serves them as Int all the same. The library keeps the name
# for its own type, which other users of it in this process need as it is.
WideInt = GraphQLScalarType("WideInt", serialize=int)
WideInt.name = "Int"


@dataclass
class Prepared:
    """A query that can be executed, or the errors that say why not."""

    document: DocumentNode | None
    operation: OperationDefinitionNode | None
    variables: dict[str, Any]
    cost: Cost
    errors: list[GraphQLError]

    @property
    def name(self) -> str | None:
        """The operation's name."""
        return self.operation.name.value if self.operation and self.operation.name else None


class GraphQL:
    """Prepares and executes queries. Safe to use from several threads, one at a time."""

    def __init__(self) -> None:
        self.schema = _with_resolvers(build_schema(SCHEMA_FILE.read_text()))
        self._executor = _executor(self.schema)
        self._documents: OrderedDict[str, tuple[DocumentNode | None, list[GraphQLError]]] = OrderedDict()

    @property
    def accepted(self) -> list[str]:
        """The texts of the last queries that were valid."""
        return [query for query, (_, errors) in self._documents.items() if not errors]

    def prepare(self, query: str, variables: dict[str, Any], operation_name: str | None) -> Prepared:
        """Parse, validate and price a query."""
        document, errors = self._parsed(query)
        if document is None or errors:
            return Prepared(None, None, {}, Cost(), errors)
        operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        if operation_name:
            operations = [o for o in operations if o.name and o.name.value == operation_name]
        if len(operations) != 1 or operations[0].operation.value != "query":
            return Prepared(None, None, {}, Cost(), [GraphQLError("One query operation must be chosen.")])
        coerced = get_variable_values(self.schema, operations[0].variable_definitions or [], variables)
        if isinstance(coerced, list):
            return Prepared(None, operations[0], {}, Cost(), coerced)
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        cost = Meter(self.schema, fragments, coerced).measure(operations[0])
        return Prepared(document, operations[0], variables, cost, cost.errors)

    def execute(self, prepared: Prepared, context: Context) -> dict[str, Any]:
        """The answer's JSON value."""
        if prepared.errors or prepared.document is None:
            return {"errors": [as_github(error) for error in prepared.errors]}
        result = execute(
            self.schema,
            prepared.document,
            context,
            context,
            prepared.variables,
            operation_name=prepared.name,
            execution_context_class=self._executor,
            is_awaitable=_never,
        )
        assert not hasattr(result, "__await__")
        for error in result.errors or ():
            if _is_our_fault(error.original_error):
                raise RuntimeError(f"the sandbox could not resolve {error.path}") from error.original_error
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [as_github(error) for error in result.errors]
        return answer

    def _parsed(self, query: str) -> tuple[DocumentNode | None, list[GraphQLError]]:
        if query in self._documents:
            self._documents.move_to_end(query)
            return self._documents[query]
        try:
            document = parse(query)
            found: tuple[DocumentNode | None, list[GraphQLError]] = (document, validate(self.schema, document))
        except GraphQLError as error:
            found = (None, [error])
        self._documents[query] = found
        if len(self._documents) > KEPT_DOCUMENTS:
            self._documents.popitem(last=False)
        return found


def as_github(error: GraphQLError) -> dict[str, Any]:
    """An error as GitHub writes it: `type` beside `path`, `locations` and `message`."""
    found: dict[str, Any] = {}
    if error.extensions and "type" in error.extensions:
        found["type"] = error.extensions["type"]
    if error.path:
        found["path"] = error.path
    if error.locations:
        found["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    return found | {"message": error.message}


def _is_our_fault(cause: Exception | None) -> bool:
    """Whether a resolver broke: then the answer must not look like one of GitHub's. A null where the schema forbids it
    (the head commit of a run that a dataset does not have) is answered as GitHub answers it."""
    return cause is not None and not isinstance(cause, (GraphQLError, TypeError))


def _never(value: Any) -> bool:
    """Nothing here is awaitable; asking each value would take a third of the time."""
    return False


# --- the query's own fields


def _repository(query: Any, info: GraphQLResolveInfo, owner: str, name: str, followRenames: bool = True) -> Any:
    view, renamed = info.context.snapshot.find(f"{owner}/{name}")
    if view is None or (renamed and not followRenames):
        raise refusal("NOT_FOUND", f"Could not resolve to a Repository with the name '{owner}/{name}'.")
    return repository(view)


def _node(query: Any, info: GraphQLResolveInfo, id: str) -> Any:
    found = find_node(info.context.snapshot, id)
    if found is None:
        raise refusal("NOT_FOUND", f"Could not resolve to a node with the global id of '{id}'.")
    return found


def _nodes(query: Any, info: GraphQLResolveInfo, ids: list[str]) -> list[Any]:
    missing = [refusal("NOT_FOUND", f"Could not resolve to a node with the global id of '{id}'.") for id in ids]
    return [find_node(info.context.snapshot, id) or missing[place] for place, id in enumerate(ids)]


def _rate_limit(query: Any, info: GraphQLResolveInfo) -> dict[str, Any]:
    context: Context = info.context
    bucket = context.bucket
    return {
        "cost": context.points,
        "limit": bucket.limit,
        "nodeCount": context.nodes,
        "remaining": bucket.remaining,
        "resetAt": iso(bucket.reset),
        "used": bucket.used,
    }


# --- resolvers


def _with_resolvers(schema: GraphQLSchema) -> GraphQLSchema:
    for item_type in schema.type_map.values():
        if is_abstract_type(item_type):
            item_type.resolve_type = lambda item, info, abstract: item.type  # type: ignore[attr-defined]
        if not isinstance(item_type, GraphQLObjectType) or item_type.name.startswith("__"):
            continue
        for name, definition in item_type.fields.items():
            definition.type = _widened(definition.type)
            definition.resolve = _resolver(item_type.name, name)
    assert schema.query_type is not None
    fields = schema.query_type.fields
    fields["repository"].resolve, fields["rateLimit"].resolve = _repository, _rate_limit
    fields["node"].resolve, fields["nodes"].resolve = _node, _nodes
    return schema


def _widened(output: GraphQLOutputType) -> GraphQLOutputType:
    if output is GraphQLInt:
        return WideInt
    if isinstance(output, GraphQLNonNull) and output.of_type is GraphQLInt:
        return GraphQLNonNull(WideInt)
    return output


def _window_field(name: str) -> Plain:
    return {
        "nodes": Window.nodes,
        "edges": Window.edges,
        "pageInfo": Window.page_info,
        "totalCount": lambda window: window.total,
        "pageCount": lambda window: len(window.shown),
    }.get(name) or (lambda window: window.listing.more[name])


def plain_field(owner: str, name: str) -> Plain | None:
    """The function behind a field without arguments, None where there is none."""
    if owner.endswith("Connection"):
        return _window_field(name)
    if owner.endswith("Edge"):
        return (lambda edge: edge[0]) if name == "cursor" else (lambda edge: edge[1])
    if owner in ("PageInfo", "RateLimit"):
        return lambda source: source[name]
    return PLAIN.get(owner, {}).get(name)


def _resolver(owner: str, name: str) -> Callable[..., Any] | None:
    if lister := CONNECTIONS.get(owner, {}).get(name):

        def connection(item: Any, info: GraphQLResolveInfo, **arguments: Any) -> Window | None:
            context: Context = info.context
            listing = lister(item, context, arguments)
            if listing is None:
                return None
            try:
                start, end = bounds(listing, arguments)
            except BadCursor as error:
                raise refusal("INVALID_CURSOR_ARGUMENTS", str(error)) from error
            size = arguments.get("first") or arguments.get("last") or 1
            fault = context.faults.strike(
                PAGE_KINDS,
                "POST",
                context.path,
                operation=context.operation,
                page=start // size + 1,
                connection=(owner, name),
            )
            return Window(listing, start, end, fault)

        return connection
    if with_arguments := WITH_ARGUMENTS.get(owner, {}).get(name):
        return lambda item, info, **arguments: with_arguments(item, info.context, arguments)
    if function := plain_field(owner, name):
        return lambda item, info: function(item)
    return None


def _executor(schema: GraphQLSchema) -> type[ExecutionContext]:
    """An execution that takes a short way with leaf fields without arguments, most of every answer: what comes out is
    the same, in a third of the time."""
    leaves: dict[tuple[str, str], tuple[Plain, Any]] = {}
    for item_type in schema.type_map.values():
        if isinstance(item_type, GraphQLObjectType):
            for name, definition in item_type.fields.items():
                function = plain_field(item_type.name, name)
                if function and not definition.args and is_leaf_type(get_nullable_type(definition.type)):
                    enum = get_named_type(definition.type)
                    leaves[item_type.name, name] = (
                        function,
                        enum.values if isinstance(enum, GraphQLEnumType) else None,
                    )

    class Executor(ExecutionContext):
        def execute_fields(self, parent_type: Any, source_value: Any, path: Any, fields: Any) -> Any:
            results = {}
            owner = parent_type.name
            for name, nodes in fields.items():
                field_name = nodes[0].name.value
                leaf = leaves.get((owner, field_name))
                if leaf is not None:
                    value = leaf[0](source_value)
                    if value is not None and (leaf[1] is None or value in leaf[1]):
                        results[name] = value
                        continue
                elif field_name == "__typename":
                    results[name] = owner
                    continue
                value = self.execute_field(parent_type, source_value, nodes, ResponsePath(path, name, owner))
                if value is not Undefined:
                    results[name] = value
            return results

    return Executor
