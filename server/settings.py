"""Every setting of the service, each read from a `FUTFUT_` environment variable when the service starts."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]

# Where container engines mount secrets, one file each, named as the variable is.
SECRETS = Path("/run/secrets")


class Settings(BaseSettings):
    """The operator's choices. A variable that can't be read stops the start-up and says which one it was."""

    model_config = SettingsConfigDict(
        env_prefix="FUTFUT_", frozen=True, extra="forbid", env_ignore_empty=True
    )

    home: Path = Field(Path(".futfut"), description="where models/ and index/ live")
    corpus: Path = Field(Path("corpus"), description="the folder of documents to answer from")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on")

    model: str = Field("mini-q4_k_m", description="a Modelfile in modelfiles/, by name: model-level")
    encoder: str = Field("e5-small-int8", description="the encoder's folder in models/")
    threads: Positive | None = Field(None, description="threads for model and encoder; all cores if unset")

    qdrant_url: str | None = Field(None, description="a Qdrant server; the embedded engine if unset")
    qdrant_api_key: SecretStr | None = Field(None, description="the Qdrant server's API key")
    qdrant_timeout: Seconds = Field(5.0, description="seconds to wait for the Qdrant server")

    ollama_url: str | None = Field(None, description="an Ollama server; the embedded engine if unset")
    ollama_connect_timeout: Seconds = Field(3.0, description="seconds to reach the Ollama server")
    ollama_first_token_timeout: Seconds = Field(300.0, description="seconds to load and say a first word")
    ollama_token_timeout: Seconds = Field(30.0, description="seconds between two pieces of an answer")
    fallback: Literal["none", "extractive"] = Field(
        "none", description="who answers while Ollama can't: nobody (503), or `extractive`, from the passages"
    )
    admin_key: SecretStr | None = Field(None, description="key to /admin; refused to all if unset")

    passages: Positive = Field(4, description="passages put before the model")
    candidates: Positive = Field(50, description="candidates that each leg of the search brings")
    dense_weight: float = Field(1.5, ge=0, description="weight of the vector leg in the fusion")
    lexical_weight: float = Field(1.0, ge=0, description="weight of the BM25 leg in the fusion")
    rrf_k: Positive = Field(6, description="k of reciprocal rank fusion")

    max_answer_tokens: Positive = Field(400, description="longest answer, in tokens")
    max_question_chars: Positive = Field(2000, description="longest message, in characters")
    max_messages: Positive = Field(40, description="longest conversation, in messages")
    max_generations: Positive = Field(1, description="questions answered at once")
    max_waiting: Positive = Field(32, description="questions that may wait for it; beyond it 503")

    @field_validator("admin_key", "qdrant_api_key")
    @classmethod
    def _blank_is_none(cls, key: SecretStr | None) -> SecretStr | None:
        # An empty secret file would be a key that every request without one has.
        return key if key and key.get_secret_value().strip() else None

    @field_validator("ollama_url")
    @classmethod
    def _an_address(cls, url: str | None) -> str | None:
        # Else it would be found out in the middle of the start-up, or with the first question.
        if url is not None:
            address = urlsplit(url)  # like its `port`, a ValueError of its own where they can't be read
            if address.scheme not in {"http", "https"} or not address.hostname or address.port == 0:
                raise ValueError("it should be an address such as http://127.0.0.1:11434")
        return url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options, then variables, then the files of a container's secrets, where there are any."""
        del dotenv_settings, file_secret_settings
        secrets = (SecretsSettingsSource(settings_cls, secrets_dir=SECRETS),) if SECRETS.is_dir() else ()
        return (init_settings, env_settings, *secrets)

    @property
    def models_dir(self) -> Path:
        """Where fetched and built model files are."""
        return self.home / "models"

    @property
    def index_dir(self) -> Path:
        """Where the embedded index and the vector cache are."""
        return self.home / "index"
