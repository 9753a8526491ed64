"""What one request asked for and got."""

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[int, int | None], None]
"""Called with how much has come so far and how much there is in all, None where the server does not say."""


@dataclass(frozen=True)
class Receipt:
    """Kept with the run; the names are columns of the `fetch` table. The keys are the platform's own, of a page."""

    url: str
    seconds: float
    status: int | None = None
    bytes: int | None = None
    media_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    resource_sha256: str | None = None
    error: str | None = None
    page_no: int | None = None
    rows: int | None = None
    first_key: str | None = None
    last_key: str | None = None
