"""`syncer.toml` and the environment, as checked models; flags beat the environment beats the file."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from syncer.argilla import Connection
from syncer.errors import UsageError
from syncer.filters import Filters
from syncer.options import JobOptions, Limits
from syncer.plan import Policy

FILE_NAME = "syncer.toml"
DEFAULT_SERVER = "default"
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def parse_duration(value: Any) -> timedelta:
    """Read `90`, `90s`, `10m`, `2h` or `1d`. Raises ValueError, which names what is allowed."""
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", str(value).strip())
    if not found:
        raise ValueError("write a time as 30s, 10m, 2h or 1d")
    unit = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]
    return timedelta(seconds=float(found[1]) * unit)


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]


class ServerConfig(BaseModel):
    """One server. The key comes from an environment variable, a private file or a command, never from here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    api_key_env: str | None = None
    api_key_file: Path | None = None
    api_key_command: str | list[str] | None = None
    headers_env: str | None = None
    ca_file: Path | None = None
    insecure_http: bool = False
    timeout: float = Field(default=60.0, gt=0)


class Maps(BaseModel):
    """Names that differ between source and target."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    users: dict[str, str] = Field(default_factory=dict)
    questions: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, dict[str, str]] = Field(default_factory=dict)
    fields: dict[str, str] = Field(default_factory=dict)


class JobConfig(BaseModel):
    """One job: sources, target, schedule and options."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: list[str] = Field(min_length=1)
    target: str
    every: Duration | None = None
    full_every: Duration = timedelta(hours=24)
    match: str = "auto"
    ignore_whitespace: bool = False
    ignore_case: bool = False
    ambiguous: Literal["report", "in-order"] = "report"
    records: bool = False
    include: tuple[Literal["metadata", "suggestions", "vectors", "fields"], ...] = ()
    mirror: bool = False
    conflicts: Policy = "report"
    conflicts_by_question: dict[str, Policy] = Field(default_factory=dict)
    clock_tolerance: Duration = timedelta(minutes=5)
    two_way: bool = False
    restore_deleted: bool = False
    propagate_deletes: bool = False
    strategy: Literal["auto", "in-place", "author", "recreate"] = "auto"
    recreate: bool = False
    drop_unmapped: bool = False
    add_members: bool = False
    maps: Maps = Maps()
    filters: Filters = Filters()
    max_change: float = Field(default=0.10, ge=0, le=1)
    max_delete: int = Field(default=0, ge=0)
    allow_different_fields: bool = False
    batch: int = Field(default=50, ge=1, le=500)
    quiet: Duration = timedelta(seconds=60)

    def options(self) -> JobOptions:
        """The job's options."""
        return JobOptions(
            match=self.match,
            ignore_whitespace=self.ignore_whitespace,
            ignore_case=self.ignore_case,
            ambiguous=self.ambiguous,
            records=self.records,
            include=self.include,
            mirror=self.mirror,
            conflicts=self.conflicts,
            conflicts_by_question=self.conflicts_by_question,
            clock_tolerance=self.clock_tolerance.total_seconds(),
            two_way=self.two_way,
            restore_deleted=self.restore_deleted,
            propagate_deletes=self.propagate_deletes,
            strategy=self.strategy,
            recreate_by_itself=self.recreate,
            drop_unmapped=self.drop_unmapped,
            add_members=self.add_members,
            users=self.maps.users,
            questions=self.maps.questions,
            labels=self.maps.labels,
            fields=self.maps.fields,
            filters=self.filters,
            limits=Limits(
                max_change=self.max_change,
                max_delete=self.max_delete,
                allow_different_fields=self.allow_different_fields,
            ),
            batch=self.batch,
            quiet=self.quiet.total_seconds(),
        )


class Config(BaseModel):
    """A whole configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    servers: dict[str, ServerConfig] = Field(default_factory=dict)
    jobs: dict[str, JobConfig] = Field(default_factory=dict)

    def job(self, name: str) -> JobConfig:
        """A job by name. Raises UsageError with the names there are."""
        if name not in self.jobs:
            known = ", ".join(sorted(self.jobs)) or "none"
            raise UsageError(f"there is no job {name!r}", advice=f"The configuration has: {known}")
        return self.jobs[name]

    def connection(self, name: str) -> Connection:
        """The connection of a server, its key read now. Raises UsageError."""
        server = self.servers.get(name)
        if server is None:
            known = ", ".join(sorted(self.servers)) or "none"
            raise UsageError(
                f"there is no server {name!r}",
                advice=f"Configured: {known}. ARGILLA_API_URL and ARGILLA_API_KEY give the server {DEFAULT_SERVER!r}",
            )
        return Connection(
            name=name,
            url=server.url,
            api_key=_api_key(name, server),
            headers=_headers(name, server.headers_env),
            ca_file=server.ca_file,
            insecure_http=server.insecure_http,
            timeout=server.timeout,
        )


def load(flag: Path | None, environment: Mapping[str, str]) -> Config:
    """The configuration of `--config`, `SYNCER_CONFIG` or `./syncer.toml`, and the default server of the
    environment. Raises UsageError, which names file, key and what is allowed."""
    named = flag or (Path(environment["SYNCER_CONFIG"]) if environment.get("SYNCER_CONFIG") else None)
    path = named or Path(FILE_NAME)
    config = Config()
    if named is not None or path.exists():
        config = _parse(path)
    url = environment.get("ARGILLA_API_URL")
    if url and DEFAULT_SERVER not in config.servers:
        headers = "ARGILLA_EXTRA_HEADERS" if environment.get("ARGILLA_EXTRA_HEADERS") else None
        default = ServerConfig(url=url, api_key_env="ARGILLA_API_KEY", headers_env=headers)
        config = config.model_copy(update={"servers": {**config.servers, DEFAULT_SERVER: default}})
    return config


def _parse(path: Path) -> Config:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"the configuration {path} cannot be read",
            why=error.strerror or str(error),
            advice="`syncer init` writes one",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the configuration {path} is no valid TOML", why=str(error)) from error
    for name, server in (data.get("servers") or {}).items() if isinstance(data.get("servers"), dict) else ():
        if isinstance(server, dict) and "api_key" in server:
            raise UsageError(
                f"{path}: servers.{name}.api_key: a key does not belong in a configuration file",
                advice="Use api_key_env (name of a variable), api_key_file (mode 0600) or api_key_command",
            )
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise UsageError(f"{path}: {_first(error)}", advice="`syncer init` shows all keys with comments") from None


def _first(error: ValidationError) -> str:
    """The first problem as `key: what is wrong`; the input is left out, it could be a key."""
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{place}: there is no such key"
    return f"{place}: {problem['msg']}"


def _api_key(name: str, server: ServerConfig) -> str:
    given = [key for key in ("api_key_env", "api_key_file", "api_key_command") if getattr(server, key)]
    if len(given) != 1:
        raise UsageError(
            f"server {name!r} needs exactly one of api_key_env, api_key_file, api_key_command",
            why=f"it has {', '.join(given) or 'none'}",
        )
    if server.api_key_env:
        key = os.environ.get(server.api_key_env, "")
        source = f"the variable {server.api_key_env}"
    elif server.api_key_file:
        key, source = _from_file(name, server.api_key_file), f"the file {server.api_key_file}"
    else:
        key, source = _from_command(name, server.api_key_command or ""), "the command"
    key = key.strip()
    if not key or any(character < "!" or character > "~" for character in key):
        raise UsageError(f"there is no usable API key for server {name!r}", why=f"{source} is empty or no key")
    return key


def _from_file(name: str, path: Path) -> str:
    path = path.expanduser()
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(
                f"the key file of server {name!r} can be read by others", where=str(path), advice=f"chmod 600 {path}"
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the key file of server {name!r} cannot be read", where=str(path), why=str(error)) from error


def _from_command(name: str, command: str | list[str]) -> str:
    words = shlex.split(command) if isinstance(command, str) else command
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        # The command's output may hold the key: only the kind of failure is told.
        raise UsageError(f"the key command of server {name!r} failed", why=type(error).__name__) from None
    return done.stdout


def _headers(name: str, variable: str | None) -> dict[str, str]:
    if variable is None:
        return {}
    text = os.environ.get(variable, "").strip()
    try:
        if text.startswith("{"):
            data = json.loads(text)
            headers = {str(key): str(value) for key, value in data.items()}
        else:
            pairs = [line.split(":", 1) for line in text.splitlines() if line.strip()]
            headers = {key.strip(): value.strip() for key, value in pairs}
    except (ValueError, AttributeError):
        headers = {}
    if not headers:
        raise UsageError(
            f"the extra headers of server {name!r} cannot be read",
            where=f"variable {variable}",
            advice='Set it to lines of "Name: value", or to a JSON object',
        )
    return headers


@dataclass(frozen=True)
class Reference:
    """A dataset as the user names it: by workspace and name, or by id; `pattern` if it has wildcards."""

    text: str
    server: str
    workspace: str | None = None
    name: str | None = None
    dataset_id: str | None = None

    @property
    def pattern(self) -> bool:
        """Whether it may name several datasets."""
        return any("*" in (part or "") or "?" in (part or "") for part in (self.workspace, self.name))


def parse_reference(text: str, config: Config) -> Reference:
    """Read `server:workspace/dataset`, `server:UUID`, or either without a server. Raises UsageError."""
    head, colon, rest = text.partition(":")
    if colon and head in config.servers:
        server, body = head, rest
    else:
        server, body = DEFAULT_SERVER, text
    if UUID.fullmatch(body):
        return Reference(text, server, dataset_id=body.lower())
    workspace, slash, name = body.partition("/")
    if not slash or not workspace or not name:
        known = ", ".join(sorted(config.servers)) or "none configured"
        raise UsageError(
            f"{text!r} is no dataset reference",
            advice=f"Write server:workspace/dataset or server:UUID (servers: {known})",
        )
    return Reference(text, server, workspace, name)


def state_path(flag: Path | None, environment: Mapping[str, str]) -> Path:
    """Where the state lies: `--state`, `SYNCER_STATE`, or `.syncer/state.db`."""
    if flag is not None:
        return flag
    return Path(environment.get("SYNCER_STATE") or ".syncer/state.db")


# What `syncer init` writes.
TEMPLATE = """\
# syncer.toml: servers and jobs of syncer. Keys never stand in this file.

[servers.old]
url = "http://127.0.0.1:6900"
api_key_env = "OLD_ARGILLA_KEY"        # or api_key_file = "~/.argilla-old.key" (mode 0600)
                                       # or api_key_command = "pass show argilla/old"
# headers_env = "OLD_ARGILLA_HEADERS"  # extra headers, e.g. "Authorization: Bearer ..." of a private Space
# ca_file = "company-ca.pem"           # your own certificate authority
# insecure_http = false                # plain http to another machine
# timeout = 60                         # seconds for one request

[servers.new]
url = "https://argilla.example.org"
api_key_env = "NEW_ARGILLA_KEY"

[jobs.reviews]
sources = ["old:alice/reviews", "old:bob/reviews"]   # patterns are allowed: "old:*/reviews"
target = "new:group/reviews"
every = "10m"                  # how often `syncer serve` runs it
# full_every = "24h"           # a quiet job is swept completely at least this often
# two_way = false              # also bring the target's work back to the sources
# match = "auto"               # external_id, metadata:NAME, fields, fields:a,b; several joined with +
# records = false              # create records that the target lacks
# include = ["metadata", "suggestions", "vectors", "fields"]
# conflicts = "report"         # source, target, newest, prefer-submitted
# conflicts_by_question = { note = "newest" }  # when only answers to it differ
# restore_deleted = false
# propagate_deletes = false    # needs max_delete
# strategy = "auto"            # in-place, author, recreate
# recreate = false             # let a background job delete and re-create records on Argilla before 1.28
# max_change = 0.10            # share of matched responses that one run may overwrite
# max_delete = 0
# [jobs.reviews.maps.users]
# "alice_old" = "alice"
"""
