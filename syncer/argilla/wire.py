"""The server's JSON, validated once, into the models of `syncer.model`. Unknown keys are tolerated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, Field, InstanceOf, TypeAdapter, ValidationError

from syncer.model import Dataset, Question, Record, Response, Status, Suggestion, User, Values

T = TypeVar("T")

Id = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$")]
# pydantic's own str refuses lone surrogates, which a text under annotation may hold.
Text = InstanceOf[str]


def _has_type(value: dict[Any, Any]) -> dict[Any, Any]:
    if not isinstance(value.get("type"), str):
        raise ValueError("it has no type")
    return value


def _is_setting(value: dict[Any, Any]) -> dict[Any, Any]:
    """A field or metadata property with its settings, or a vector with its dimensions."""
    if not isinstance(value.get("name"), str):
        raise ValueError("it has no name")
    if not isinstance(value.get("dimensions"), int):
        _has_type(value["settings"] if isinstance(value.get("settings"), dict) else {})
    return value


Typed = Annotated[dict[Text, Any], AfterValidator(_has_type)]


class WrongShape(Exception):
    """The JSON is not what Argilla sends. The message holds places and kinds, never values: they may be secret."""


@dataclass(slots=True)
class WireId:
    id: Id
    external_id: str | None = None


@dataclass(slots=True)
class WireItems(Generic[T]):
    items: list[T]


@dataclass(slots=True)
class WireVersion:
    version: Text


@dataclass(slots=True)
class WireOpenApi:
    paths: dict[Text, dict[Text, Any]]


@dataclass(slots=True)
class WireUser:
    id: Id
    username: Text
    role: Text

    def model(self) -> User:
        return User(self.id, self.username, self.role)


@dataclass(slots=True)
class WireKeyHolder:
    id: Id
    api_key: Text


@dataclass(slots=True)
class WireWorkspace:
    id: Id
    name: Text


@dataclass(slots=True)
class WireDataset:
    id: Id
    name: Text
    workspace_id: Id
    status: Text
    allow_extra_metadata: bool
    guidelines: Text | None = None
    distribution: dict[Text, Any] | None = None
    metadata: dict[Text, Any] | None = None
    last_activity_at: Text | None = None

    def model(self, workspaces: Mapping[str, str]) -> Dataset:
        """The dataset; a workspace that the key's owner cannot see goes by its id."""
        return Dataset(
            remote_id=self.id,
            name=self.name,
            workspace_id=self.workspace_id,
            workspace=workspaces.get(self.workspace_id, self.workspace_id),
            status=self.status,
            last_activity_at=self.last_activity_at,
        )


@dataclass(slots=True)
class WireQuestion:
    id: Id
    name: Text
    title: Text
    required: bool
    settings: Typed
    description: Text | None = None

    def model(self) -> Question:
        return Question(self.id, self.name, self.title, self.description, self.required, self.settings)


@dataclass(slots=True)
class WireResponse:
    id: Id
    user_id: Id | None
    status: Status
    values: dict[Text, dict[Text, Any]] | None
    inserted_at: Text
    updated_at: Text

    def model(self) -> Response:
        values: Values | None = self.values
        return Response(self.id, self.user_id, self.status, values, self.inserted_at, self.updated_at)


@dataclass(slots=True)
class WireSuggestion:
    question_id: Id
    value: Any
    score: float | list[float] | None = None
    agent: Text | None = None
    type: Text | None = None

    def model(self, questions: Mapping[str, str]) -> Suggestion:
        name = questions.get(self.question_id)
        if name is None:
            raise WrongShape("a suggestion for a question that the dataset does not have")
        return Suggestion(name, self.value, self.score, self.agent, self.type)


@dataclass(slots=True)
class WireRecord:
    id: Id
    fields: dict[Text, Any]
    responses: list[WireResponse]
    suggestions: list[WireSuggestion]
    inserted_at: Text
    updated_at: Text
    external_id: Text | None = None
    metadata: dict[Text, Any] | None = None
    vectors: dict[Text, list[float]] | None = None
    status: Text | None = None

    def model(self, questions: Mapping[str, str]) -> Record:
        """The record; `questions` names the questions by their ids."""
        authors = [response.user_id for response in self.responses if response.user_id is not None]
        if len(set(authors)) < len(authors):
            raise WrongShape("two responses of one person on one record")
        return Record(
            remote_id=self.id,
            external_id=self.external_id,
            fields=self.fields,
            metadata=self.metadata,
            suggestions=tuple(suggestion.model(questions) for suggestion in self.suggestions),
            vectors=self.vectors or {},
            responses=tuple(response.model() for response in self.responses),
            status=self.status,
            inserted_at=self.inserted_at,
            updated_at=self.updated_at,
        )


@dataclass(slots=True)
class WirePage(Generic[T]):
    items: list[T]
    total: Annotated[int, Field(ge=0)]


@dataclass(slots=True)
class WireProgress:
    total: Annotated[int, Field(ge=0)]


@dataclass(slots=True)
class WireCount:
    count: Annotated[int, Field(ge=0)]


@dataclass(slots=True)
class WireMetrics:
    records: WireCount


def decode(adapter: TypeAdapter[T], data: Any) -> T:
    """The validated object; WrongShape names the first thing that is wrong."""
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
    # Raised outside of the handler: pydantic's message shows the input, which may hold keys.
    raise WrongShape(f"{place}: {first['msg']}" if place else first["msg"])


RECORD_PAGE = TypeAdapter(WirePage[WireRecord])
ID_PAGE = TypeAdapter(WirePage[WireId])
RECORDS = TypeAdapter(WireItems[WireRecord])
VERSION = TypeAdapter(WireVersion)
OPENAPI = TypeAdapter(WireOpenApi)
ID = TypeAdapter(WireId)
USER = TypeAdapter(WireUser)
USERS = TypeAdapter(WireItems[WireUser])
KEY_HOLDERS = TypeAdapter(WireItems[WireKeyHolder])
WORKSPACES = TypeAdapter(WireItems[WireWorkspace])
DATASET = TypeAdapter(WireDataset)
DATASETS = TypeAdapter(WireItems[WireDataset])
QUESTIONS = TypeAdapter(WireItems[WireQuestion])
SETTINGS = TypeAdapter(WireItems[Annotated[dict[Text, Any], AfterValidator(_is_setting)]])
RESPONSE = TypeAdapter(WireResponse)
PROGRESS = TypeAdapter(WireProgress)
METRICS = TypeAdapter(WireMetrics)
