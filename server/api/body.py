"""A request's body before a handler sees it: there at all, well-formed JSON, and of the right types."""

import re
from typing import Any

from litestar import Request
from litestar.exceptions import InternalServerException, SerializationException, ValidationException
from msgspec import ValidationError, convert

from modelfiles.errors import FutFutError
from server.api.connection import ClientGoneError

JSON_TYPE = "application/json"

_BYTE = re.compile(r"\(byte (\d+)\)")  # in msgspec's messages


class NotJsonTypeError(FutFutError):
    """The body says that it is something else than JSON."""

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type
        super().__init__(f"The body is {content_type}. Send {JSON_TYPE}.")


class EmptyBodyError(FutFutError):
    """There is no body."""

    def __init__(self) -> None:
        super().__init__("The request has no body. Send a JSON object.")


class MalformedJsonError(FutFutError):
    """The body is no JSON text in UTF-8 (RFC 8259). `byte` is where it stops being one, if that is known."""

    def __init__(self, reason: str) -> None:
        at = _BYTE.search(reason)
        self.byte = int(at[1]) if at else None
        super().__init__(f"The body can't be read as JSON: {reason}.")


async def read_json(request: Request[Any, Any, Any]) -> None:
    """Read and check the body, which Litestar keeps for the handler's signature.

    Left to Litestar, a body of another type would be parsed as JSON, one that isn't UTF-8 or is nested too
    deeply would pass for a fault of ours, and `"5"` for a number.

    Raises:
        NotJsonTypeError, EmptyBodyError, MalformedJsonError: what is wrong with the body.
        ValidationException: it is JSON, but not what the handler's `data` takes; the cause is msgspec's.
        ClientGoneError: the client went away while it was sending it.
    """
    content_type, _ = request.content_type
    if content_type not in ("", JSON_TYPE):
        raise NotJsonTypeError(content_type)
    try:
        body = await request.body()
    except InternalServerException as error:  # Litestar's word for a connection that closed halfway
        raise ClientGoneError from error
    if not body.strip():
        raise EmptyBodyError
    try:
        parsed = await request.json()
    except (SerializationException, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJsonError(str(error)) from error
    taken = request.route_handler.parsed_fn_signature.parameters["data"]
    try:
        convert(parsed, taken.annotation)
    except ValidationError as error:
        raise ValidationException from error
