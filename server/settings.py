"""Every setting of the service, each read from a `FUTFUT_` environment variable when the service starts."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Positive = Annotated[int, Field(gt=0)]


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
    qdrant_timeout: float = Field(5.0, gt=0, description="seconds to wait for the Qdrant server")

    passages: Positive = Field(4, description="passages put before the model")
    candidates: Positive = Field(50, description="candidates that each leg of the search brings")
    dense_weight: float = Field(1.5, ge=0, description="weight of the vector leg in the fusion")
    lexical_weight: float = Field(1.0, ge=0, description="weight of the BM25 leg in the fusion")
    rrf_k: Positive = Field(6, description="k of reciprocal rank fusion")

    max_answer_tokens: Positive = Field(400, description="longest answer, in tokens")
    max_question_chars: Positive = Field(2000, description="longest message, in characters")
    max_messages: Positive = Field(40, description="longest conversation, in messages")
    max_under_way: Positive = Field(32, description="questions answered or waiting at once; beyond it 503")

    @property
    def models_dir(self) -> Path:
        """Where fetched and built model files are."""
        return self.home / "models"

    @property
    def index_dir(self) -> Path:
        """Where the embedded index and the vector cache are."""
        return self.home / "index"
