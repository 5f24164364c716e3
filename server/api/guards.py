"""Who may do what: `/admin` is for who has the operator's key."""

import secrets
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from server.errors import AdminClosedError, AdminKeyError
from server.settings import Settings

_SCHEME = "bearer "


def admin_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Let a request pass that carries the key, as `Authorization: Bearer KEY` (RFC 6750, section 2.1).

    Raises:
        AdminClosedError: no key is configured, so that nobody may.
        AdminKeyError: the request carries none, or another.
    """
    settings: Settings = connection.app.state.settings
    if settings.admin_key is None:
        raise AdminClosedError
    given = connection.headers.get("authorization", "")
    key = given[len(_SCHEME) :].strip() if given[: len(_SCHEME)].lower() == _SCHEME else ""
    # Header fields come as Latin-1, whatever their bytes mean (RFC 9110, section 5.5); a key may be UTF-8.
    given_key, right_key = key.encode("latin-1"), settings.admin_key.get_secret_value().encode()
    # In constant time, for how long a comparison takes would tell how much of a guess is right.
    if not secrets.compare_digest(given_key, right_key):
        raise AdminKeyError
