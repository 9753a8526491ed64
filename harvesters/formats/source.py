"""What the readers are given: one resource on disk with everything that is known about it."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from datasets.settings import Settings

HEAD_BYTES = 1 << 16


@dataclass(frozen=True)
class Source:
    """One resource. `path` is named by a hash, so `name` (from the address) says what it was called; `work` is a
    scratch folder of the caller's; `siblings` are the files that lay beside it in a zip, by lower-case extension."""

    path: Path
    name: str
    media_type: str | None
    layer: str | None
    sheet: str | None
    settings: Settings
    work: Path
    siblings: Mapping[str, Path]

    @property
    def suffix(self) -> str:
        """The extension of the name, in lower case, such as `.csv`."""
        return PurePosixPath(self.name).suffix.lower()

    @property
    def stem(self) -> str:
        """The name without folders and extension."""
        return PurePosixPath(self.name).stem or "file"

    def head(self, size: int = HEAD_BYTES) -> bytes:
        """The first bytes."""
        with self.path.open("rb") as file:
            return file.read(size)

    def linked(self, extension: str, *, copied: bool = False) -> Path:
        """The bytes under a name that ends in `extension`, in the scratch folder, so that GDAL knows the format
        and leaves its own small files there and never in the archive. SQLite writes beside the true file, so a
        GeoPackage is `copied`."""
        self.work.mkdir(parents=True, exist_ok=True)
        target = self.work / f"resource{extension}"
        target.unlink(missing_ok=True)
        if copied:
            shutil.copyfile(self.path, target)
        else:
            target.symlink_to(self.path.absolute())
        return target

    def within(self, path: Path, name: str, siblings: Mapping[str, Path] | None = None) -> "Source":
        """The source of a file that was inside this one."""
        return replace(self, path=path, name=name, media_type=None, siblings=siblings or {})
