"""A JSON schema of dashboards, made from the models of the installed datadog-api-client.

So it says what the pinned client knows, no specification is copied, and it grows with an upgrade. A union of models
becomes a choice by the property that tells its members apart (`type`, `data_source`, …), which gives errors that
name the one wrong field instead of forty definitions that do not fit. Unknown fields are allowed, as Datadog does.
"""

from __future__ import annotations

import functools
import inspect
from datetime import date, datetime
from typing import Any
from uuid import UUID

import jsonschema_rs
from datadog_api_client.model_utils import ModelComposed, ModelNormal, ModelSimple
from datadog_api_client.v1.model.dashboard import Dashboard

Schema = dict[str, Any]

NULL: Schema = {"type": "null"}
PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime: {"type": "string"},
    date: {"type": "string"},
    UUID: {"type": "string"},
    list: {"type": "array"},
    dict: {"type": "object"},
    object: {},
    type(None): NULL,
}
LIMITS = {
    "max_length": "maxLength",
    "min_length": "minLength",
    "max_items": "maxItems",
    "min_items": "minItems",
    "inclusive_maximum": "maximum",
    "inclusive_minimum": "minimum",
    "exclusive_maximum": "exclusiveMaximum",
    "exclusive_minimum": "exclusiveMinimum",
    "multiple_of": "multipleOf",
}


@functools.cache
def dashboard_validator() -> Any:
    """A validator of whole dashboards; its `iter_errors` gives `message` and `instance_path`. Made once a process."""
    return jsonschema_rs.validator_for(dashboard_schema())


@functools.cache
def dashboard_schema() -> Schema:
    """The schema (draft 2020-12) of the body of POST and PUT /api/v1/dashboard."""
    definitions: dict[str, Schema] = {}
    root = _reference(Dashboard, definitions)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "$defs": definitions}


def _reference(model: type, definitions: dict[str, Schema]) -> Schema:
    name = model.__name__
    if name not in definitions:
        definitions[name] = {}  # models refer to themselves: a group holds widgets
        schema = _model(model, definitions)
        definitions[name] = {"anyOf": [schema, NULL]} if getattr(model, "_nullable", False) else schema
    return {"$ref": f"#/$defs/{name}"}


def _model(model: Any, definitions: dict[str, Schema]) -> Schema:
    if issubclass(model, ModelSimple):
        schema = dict(_types(model.openapi_types["value"], definitions))
        if model.allowed_values:
            schema["enum"] = sorted(model.allowed_values, key=str)
        return schema | _limits(model.validations.get("value", {}))
    if issubclass(model, ModelComposed):
        return _union(model._composed_schemas["oneOf"], definitions)
    properties = {}
    for attribute, types in model.openapi_types.items():
        limits = _limits(model.validations.get(attribute, {}))
        schema = _types(types, definitions)
        properties[model.attribute_map[attribute]] = schema | limits
    schema = {"type": "object", "properties": properties, "required": _required(model)}
    if model.additional_properties_type is None:
        schema["additionalProperties"] = False
    return schema


def _types(types: Any, definitions: dict[str, Schema]) -> Schema:
    options = [_type(one, definitions) for one in types]
    return options[0] if len(options) == 1 else {"anyOf": options}


def _type(one: Any, definitions: dict[str, Schema]) -> Schema:
    if isinstance(one, list):
        return {"type": "array", "items": _types(one, definitions)}
    if isinstance(one, dict):
        return {"type": "object", "additionalProperties": _types(one[str], definitions)}
    return PLAIN[one] if one in PLAIN else _reference(one, definitions)


def _limits(validations: Any) -> Schema:
    limits: Schema = {LIMITS[key]: value for key, value in validations.items() if key in LIMITS}
    if "regex" in validations:
        limits["pattern"] = validations["regex"]["pattern"]
    return limits


def _union(members: list[Any], definitions: dict[str, Schema]) -> Schema:
    """anyOf, or where some property tells the members apart a choice by its value.

    Not oneOf: a definition that fits two members would be an error, and Datadog does not mind.
    """
    options = [_type(member, definitions) for member in members]
    for key in _tags(members):
        by_value: dict[str, list[Schema]] = {}
        for member, option in zip(members, options, strict=True):
            for value in _values(member, key):
                by_value.setdefault(value, []).append(option)
        if len(by_value) > 1:
            choices = [
                {
                    "if": {"properties": {key: {"const": value}}, "required": [key]},
                    "then": some[0] if len(some) == 1 else {"anyOf": some},
                }
                for value, some in sorted(by_value.items())
            ]
            known: Schema = {"properties": {key: {"enum": sorted(by_value)}}, "required": [key]}
            return {"type": "object", "allOf": [known, *choices]}
    return {"anyOf": options}


def _tags(members: list[Any]) -> list[str]:
    """Required properties that in every member are one of a few given strings, the most telling first."""
    if not all(isinstance(member, type) and issubclass(member, ModelNormal | ModelComposed) for member in members):
        return []
    keys = {key for key in _required(members[0]) if all(key in _required(m) and _values(m, key) for m in members)}
    return sorted(keys, key=lambda key: (sum(len(_values(m, key)) for m in members), key))


def _required(model: Any) -> list[str]:
    """Names, as in JSON, of the properties that a model cannot do without; those that all members of a union share."""
    if issubclass(model, ModelComposed):
        each = [_required(member) for member in model._composed_schemas["oneOf"]]
        return [key for key in each[0] if all(key in some for some in each)]
    parameters = list(inspect.signature(model.__init__).parameters.values())[1:]
    needed = (p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD)
    return [model.attribute_map[name] for name in needed if name in model.attribute_map]


def _values(model: Any, key: str) -> list[str]:
    """The strings that a property may be, where its type lists them; else nothing."""
    if issubclass(model, ModelComposed):
        return sorted({value for member in model._composed_schemas["oneOf"] for value in _values(member, key)})
    attribute = next((name for name, json_key in model.attribute_map.items() if json_key == key), None)
    types = model.openapi_types[attribute] if attribute else None
    if types and isinstance(types[0], type) and issubclass(types[0], ModelSimple):
        return sorted(value for value in types[0].allowed_values if isinstance(value, str))
    return []
