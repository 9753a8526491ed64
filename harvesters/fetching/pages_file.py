"""The file that pages gather in: a tar archive, one member for each page with its exact bytes, that only ever grows.

Beside it lie the keys of its rows as 64-bit hashes, eight bytes each, and a mark of each page, two of these, so that a
row or a page that comes twice is found however many there are, and by a program that goes on with the file as well.
"""

import fcntl
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

_BLOCK = tarfile.BLOCKSIZE
_KEY_BYTES = 8
_MARK_BYTES = 2 * _KEY_BYTES

Mark = tuple[int, int]
"""What tells one page from another."""


class PagesFile:
    """Pages on disk. Opened at `length` bytes, `rows` keys and `pages` marks, whatever a program that was killed had
    written beyond; FileNotFoundError when less than that is there, or when another program still writes to it."""

    def __init__(self, path: Path, length: int = 0, rows: int = 0, pages: int = 0) -> None:
        self.path = path
        # Hashes are the same only within one version of Polars.
        self.keys_path = path.with_name(f"{path.name}.keys-{pl.__version__}")
        self.marks_path = path.with_name(f"{path.name}.marks-{pl.__version__}")
        path.parent.mkdir(parents=True, exist_ok=True)
        keyless = self.keys_path.exists() and not self.keys_path.stat().st_size
        wanted = {path: length, self.keys_path: 0 if keyless else rows * _KEY_BYTES}
        wanted[self.marks_path] = pages * _MARK_BYTES
        for one, size in wanted.items():
            if size and (not one.exists() or one.stat().st_size < size):
                raise FileNotFoundError(one)
        self._pages, self._keys, self._marks = (_opened(one) for one in wanted)
        self.length = length
        try:
            # Held until the file is closed or the program is gone, even one that only sleeps and would write on.
            fcntl.flock(self._pages, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.__exit__()
            raise FileNotFoundError(path) from None
        for file, size in zip((self._pages, self._keys, self._marks), wanted.values(), strict=True):
            file.truncate(size)
            file.seek(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        for file in (self._pages, self._keys, self._marks):
            file.close()

    def append(self, name: str, body: bytes, keys: Sequence[str], mark: Mark = (0, 0)) -> None:
        """Adds a page; on disk when this returns, as far as a killed program goes."""
        member = tarfile.TarInfo(name)
        member.size = len(body)
        padding = b"\0" * (-len(body) % _BLOCK)
        self._pages.write(member.tobuf(tarfile.USTAR_FORMAT) + body + padding)
        self._keys.write(hashes(keys).tobytes())
        self._marks.write(np.array(mark, dtype=np.uint64).tobytes())
        for file in (self._pages, self._keys, self._marks):
            file.flush()
        self.length += _BLOCK + len(body) + len(padding)

    def restart(self) -> None:
        """Throws the pages away, for a read that begins again."""
        for file in (self._pages, self._keys, self._marks):
            file.seek(0)
            file.truncate()
        self.length = 0

    def duplicates(self) -> int:
        """How many rows came more than once."""
        keys = np.fromfile(self.keys_path, dtype=np.uint64)
        keys.sort()
        return int((keys[1:] == keys[:-1]).sum())

    def marks(self) -> set[Mark]:
        """The marks of all pages so far."""
        pairs = np.fromfile(self.marks_path, dtype=np.uint64).reshape(-1, 2)
        return {(int(first), int(last)) for first, last in pairs}

    def finish(self) -> None:
        """Writes the end that a tar archive has."""
        self._pages.write(b"\0" * (2 * _BLOCK))
        self._pages.flush()

    def discard(self) -> None:
        """Takes the files away."""
        for path in (self.path, self.keys_path, self.marks_path):
            path.unlink(missing_ok=True)


def hashes(keys: Sequence[str]) -> NDArray[np.uint64]:
    """64-bit hashes; two different keys of ten million share one less than once in 300,000 files."""
    return pl.Series(keys, dtype=pl.String).hash(seed=0).to_numpy()


def _opened(path: Path) -> BinaryIO:
    path.touch()
    return path.open("r+b")
