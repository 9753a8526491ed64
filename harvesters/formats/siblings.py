"""Which files belong beside a resource: a Shapefile or a MapInfo table is several files with one stem."""

from pathlib import PurePosixPath

SHAPE_MAGIC = b"\x00\x00\x27\x0a"
SIBLINGS = {
    ".shp": (".dbf", ".shx", ".prj", ".cpg"),
    ".tab": (".dat", ".map", ".id", ".ind"),
    ".mif": (".mid",),
}


def wanted_siblings(name: str, head: bytes) -> tuple[str, ...]:
    """The extensions to try beside the resource called `name` that begins with `head`; none for a file that is
    whole by itself, whatever its name says."""
    if head.startswith(SHAPE_MAGIC):
        return SIBLINGS[".shp"]
    text = head[:2048].lstrip().lower()
    if text.startswith(b"!table"):
        return SIBLINGS[".tab"]
    if is_mif(head) and PurePosixPath(name).suffix.lower() != ".mid":
        return SIBLINGS[".mif"]
    return ()


def is_mif(head: bytes) -> bool:
    """Whether a file that begins with `head` is a MapInfo interchange file."""
    words = head[:65536].lower().split()
    return len(words) > 2 and words[0] == b"version" and words[1].isdigit() and b"columns" in words
