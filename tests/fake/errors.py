"""The error answers of the server, as exceptions that a handler raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

CODE = "argilla.api.errors::"


class Refusal(Exception):
    """A request that is answered with an error; nothing of it is stored unless the handler stored it before."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body

    @property
    def sentence(self) -> str:
        """The error as the responses bulk shows it inside an item."""
        detail = self.body.get("detail")
        if isinstance(detail, dict):
            params = ",".join(f"{key}={value}" for key, value in detail["params"].items())
            return f"{detail['code']}({params})"
        return str(detail)


class RuleBroken(Exception):
    """A value that a business rule refuses; the caller puts it into a sentence and a 422."""


def coded(status: int, name: str, /, **params: Any) -> Refusal:
    return Refusal(status, {"detail": {"code": CODE + name, "params": params}})


def unauthorized() -> Refusal:
    return coded(401, "UnauthorizedError", detail="Could not validate credentials")


def forbidden() -> Refusal:
    return coded(403, "ForbiddenOperationError", detail="Operation not allowed")


def not_found(kind: str, id_: str) -> Refusal:
    return Refusal(404, {"detail": f"{kind} with id `{id_}` not found"})


def conflict(sentence: str) -> Refusal:
    return Refusal(409, {"detail": sentence})


def unprocessable(sentence: str) -> Refusal:
    return Refusal(422, {"detail": sentence})


def invalid(loc: Sequence[str | int], message: str, type_: str = "value_error") -> Refusal:
    """A body or parameter that does not have the right shape."""
    return coded(422, "ValidationError", errors=[{"loc": list(loc), "msg": message, "type": type_}])


def broken(type_: str, message: str) -> Refusal:
    """A 500: something failed inside of the server."""
    return coded(500, "GenericServerError", type=type_, message=message)
