"""What `/admin` refuses."""

from datetime import datetime

from modelfiles.errors import FutFutError


class AdminClosedError(FutFutError):
    """Somebody asks for /admin, but no key is configured, so that nobody may."""

    def __init__(self) -> None:
        super().__init__("/admin is closed: no key is configured. Set FUTFUT_ADMIN_KEY to open it.")


class AdminKeyError(FutFutError):
    """Somebody asks for /admin without the key."""

    def __init__(self) -> None:
        super().__init__("/admin needs the operator's key, as: Authorization: Bearer KEY")


class NoSwapTargetError(FutFutError):
    """A swap was asked for, but not to what."""

    def __init__(self) -> None:
        super().__init__('Say either {"model": "big-q5_k_m"} or {"rollback": true}.')


class NoSwapError(FutFutError):
    """The embedded engine has the one model that it was started with."""

    def __init__(self) -> None:
        super().__init__(
            "The embedded engine can't swap its model. Start the service with another FUTFUT_MODEL, "
            "or on an Ollama server (FUTFUT_OLLAMA_URL)."
        )


class SwapRunningError(FutFutError):
    """A swap of the model is under way already."""

    def __init__(self, asked_for: str, started: datetime) -> None:
        self.asked_for = asked_for
        self.started = started
        super().__init__(
            f"A swap to {asked_for} is under way since {started:%H:%M:%S %Z}. Wait for it: GET /admin/model"
        )
