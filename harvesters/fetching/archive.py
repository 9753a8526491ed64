"""The archive: the exact bytes of every fetch, named by their sha256, so that any feature can be derived again."""

import hashlib
import math
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BLOCK = 1 << 20
LEFT_SECONDS = 86_400.0


@dataclass(frozen=True)
class Archived:
    """Bytes in the archive: where they lie, their sha256 in hex, how many."""

    path: Path
    sha256: str
    size: int


class Archive:
    """A folder of resources; writing is atomic, and the same bytes are kept once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, blocks: Iterable[bytes]) -> Archived:
        """Stores the blocks; they may fail half-way, and then nothing is kept."""
        self.folder.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix="incoming-")
        try:
            with os.fdopen(handle, "wb") as file:
                for block in blocks:
                    digest.update(block)
                    size += len(block)
                    file.write(block)
            path = self.path(digest.hexdigest())
            path.parent.mkdir(exist_ok=True)
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
        return Archived(path, digest.hexdigest(), size)

    def keep_file(self, path: Path) -> Archived:
        """Stores a copy of a local file."""
        return self.keep(_blocks(path))

    def unfinished(self, name: str) -> Path:
        """Where a file lies that is still being written, by its name."""
        return self.folder / "unfinished" / name

    def adopt(self, path: Path) -> Archived:
        """Takes over a finished file of the same disk, without a copy."""
        digest = hashlib.sha256()
        for block in _blocks(path):
            digest.update(block)
        kept = self.path(digest.hexdigest())
        kept.parent.mkdir(parents=True, exist_ok=True)
        size = path.stat().st_size
        path.replace(kept)
        return Archived(kept, digest.hexdigest(), size)

    def path(self, sha256: str) -> Path:
        """Where the bytes of this sha256 lie or would lie."""
        return self.folder / sha256[:2] / sha256

    def erase(self, sha256: str) -> bool:
        """Deletes the bytes for good; whether they are gone now."""
        self.path(sha256).unlink(missing_ok=True)
        return not self.path(sha256).exists()

    def bundle(self, parts: Mapping[str, Archived]) -> Archived:
        """Several files that belong together as one zip, by name; the same files make the same bytes."""
        with self.scratch() as folder, zipfile.ZipFile(folder / "bundle.zip", "w") as bundle:
            for name, part in sorted(parts.items()):
                member = zipfile.ZipInfo(name)
                member.file_size = part.size
                with part.path.open("rb") as file, bundle.open(member, "w") as packed:
                    shutil.copyfileobj(file, packed, BLOCK)
            bundle.close()
            return self.keep_file(folder / "bundle.zip")

    def sweep(self, kept: Container[str]) -> int:
        """Removes what programs that were killed have left and nobody has touched for LEFT_SECONDS; how much. Of the
        unfinished files those of the names `kept` stay, with what lies beside them under a longer name."""
        before = time.time() - LEFT_SECONDS
        left = [*self.folder.glob("incoming-*"), *self.folder.glob("scratch-*")]
        left += [path for path in self.unfinished("").glob("*") if not any(name in kept for name in _stems(path.name))]
        old = [path for path in left if _touched(path) < before]
        for path in old:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return len(old)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for unpacking, gone afterwards."""
        self.folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self.folder, prefix="scratch-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _stems(name: str) -> Iterator[str]:
    """The name, and what is left of it at each dot."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _touched(path: Path) -> float:
    """When it was last written to; what is gone meanwhile is not old."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block
