"""Where a server is, and how to be let in."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit, urlunsplit

from syncer.errors import UsageError


@dataclass(frozen=True)
class Connection:
    """A named server. Key and headers are secrets: they are no part of the repr.

    Raises UsageError for a URL that is none, for plain http to another machine (unless `insecure_http`),
    and for a key or header that HTTP cannot carry.
    """

    name: str
    url: str
    api_key: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    ca_file: Path | None = None
    insecure_http: bool = False
    timeout: float = 60.0
    """Seconds that one request may take altogether."""

    def __post_init__(self) -> None:
        """Check everything and bring the URL into one form, without a slash at the end."""
        object.__setattr__(self, "url", self._checked_url())
        if not self.insecure_http and self.url.startswith("http:") and not self.is_loopback:
            raise UsageError(
                "The API key would travel unprotected",
                where=f"server {self.name}",
                why="the URL begins with http: and names another machine",
                advice="Use https, or set insecure_http = true if the network is trusted",
            )
        if not (math.isfinite(self.timeout) and self.timeout > 0):
            raise UsageError("The timeout must be a positive number of seconds", where=f"server {self.name}")
        for title, text in (("The API key", self.api_key), *self.headers.items()):
            if not (title and text and text.isascii() and text.isprintable() and title.isprintable()):
                # The text itself is a secret and stays out of the message.
                raise UsageError(
                    f"{title} is empty or holds characters that no HTTP header can carry",
                    where=f"server {self.name}",
                )

    @property
    def is_loopback(self) -> bool:
        """Whether the URL names this machine."""
        host = urlsplit(self.url).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text that may never appear in a message."""
        return (self.api_key, *self.headers.values())

    def _checked_url(self) -> str:
        try:
            parts = urlsplit(self.url.strip())
            usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
        except ValueError:
            usable = False
        if not usable:
            raise UsageError(
                "The URL of a server must look like https://host or https://host:port/path",
                where=f"server {self.name}",
            )
        if parts.username is not None or parts.query or parts.fragment:
            raise UsageError(
                "The URL of a server may hold no user, password, query or fragment",
                where=f"server {self.name}",
                advice="The API key is configured apart from the URL",
            )
        return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), "", ""))
