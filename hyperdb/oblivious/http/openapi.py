"""The OpenAPI document of the service, made of its table of endpoints (OpenAPI 3.1.0).

Invariant: it names what is routed and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hyperdb import _native

_PLACES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "epoch": ("The digest of the epoch's manifest.", {"type": "string", "pattern": "^[0-9a-f]{64}$"}),
    "matrix": ("0: pages; 1: what is larger than a page.", {"type": "integer", "enum": [0, 1]}),
}


@dataclass(frozen=True)
class Answer:
    """A status besides 200."""

    status: int
    what: str
    kind: str = "application/json"


@dataclass(frozen=True)
class Endpoint:
    """One thing that can be asked for."""

    name: str
    method: str
    pattern: str
    """With names in braces."""
    summary: str
    handler: Callable[[Any, Any], Awaitable[Any]]
    kind: str = "application/octet-stream"
    body: str | None = None
    """What has to be sent."""
    query: Mapping[str, str] = field(default_factory=dict)
    optional: Sequence[str] = ()
    """Which of the query may be left out."""
    others: Sequence[Answer] = ()
    units: int = 0
    """What it takes off a ticket."""

    @property
    def path(self) -> str:
        """As Starlette writes it."""
        return self.pattern.replace("{matrix}", "{matrix:int}")


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document as JSON."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.pattern, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "HyperDB: oblivious retrieval", "version": _native.VERSION, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"securitySchemes": {"ticket": {"type": "apiKey", "in": "header", "name": "HyperDB-Ticket"}}},
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    parameters = [_parameter(name, "path", *_PLACES[name], is_required=True) for name in re.findall(r"{(\w+)}", endpoint.pattern)]
    parameters += [
        _parameter(name, "query", what, {"type": "string"}, is_required=name not in endpoint.optional)
        for name, what in endpoint.query.items()
    ]
    answers = (Answer(200, endpoint.summary, endpoint.kind), *endpoint.others)
    made: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": {str(each.status): {"description": each.what, "content": {each.kind: {}}} for each in answers},
    }
    if endpoint.body is not None:
        made["requestBody"] = {
            "description": endpoint.body,
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    if endpoint.units:
        made["security"] = [{"ticket": []}, {}]
        made["x-units"] = endpoint.units
    return made


def _parameter(name: str, place: str, what: str, schema: dict[str, Any], *, is_required: bool) -> dict[str, Any]:
    return {"name": name, "in": place, "required": is_required, "description": what, "schema": schema}
