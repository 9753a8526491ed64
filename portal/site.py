"""What every page needs: the city, the database, the templates and the address that readers use."""

from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import Environment
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import HTMLResponse

from datasets.city import City


@dataclass(frozen=True)
class Site:
    """Passed to each page as its first argument."""

    city: City
    engine: Engine
    environment: Environment
    public_url: str | None

    def address(self, request: Request) -> str:
        """Where the reader reaches us, without a slash at the end: as the operator states it, or as they came."""
        return self.public_url or str(request.base_url).rstrip("/")

    def page(self, request: Request, template: str, values: Mapping[str, object], *, status: int = 200) -> HTMLResponse:
        """`template` rendered with `values`. Browsers ask again each time, because coverage changes with every run."""
        frame = {"city": self.city, "address": self.address(request), "path": request.url.path}
        body = self.environment.get_template(template).render(frame | dict(values))
        return HTMLResponse(body, status_code=status, headers={"Cache-Control": "no-cache"})
