"""The server's REST API: one method per endpoint, what each version can do, and when to try again.

`Client` reads. The class that also writes is in `syncer.argilla.writes`, for `syncer.apply` alone.
"""

from syncer.argilla.capabilities import Capabilities, capabilities_of
from syncer.argilla.client import Client, Page
from syncer.argilla.connection import Connection
from syncer.argilla.retry import RetryPolicy

__all__ = ["Capabilities", "Client", "Connection", "Page", "RetryPolicy", "capabilities_of"]
