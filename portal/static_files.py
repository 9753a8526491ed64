"""The style sheet and the icon. A built file's name carries its hash, so that browsers may keep it for ever."""

import json
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"
ICON = Path(__file__).parent / "templates" / "favicon.svg"


def read_assets(folder: Path = FOLDER) -> Mapping[str, str]:
    """Addresses of the built files by their plain names; none where nothing has been built yet."""
    listing = folder / "assets.json"
    if not listing.is_file():
        return {}
    return {name: f"/static/{built}" for name, built in json.loads(listing.read_text(encoding="utf-8")).items()}


class BuiltFiles(StaticFiles):
    """Serves the built files; a folder that has not been built yet has none."""

    def __init__(self, folder: Path = FOLDER) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(directory=folder)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if path.endswith(".css") and response.status_code in (200, 304):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def show_icon(request: Request) -> Response:
    """The icon of the site, for browsers that ask for it by either name."""
    return FileResponse(ICON, media_type="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"})
