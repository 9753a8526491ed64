"""Zip files: one dataset is taken out, within limits that hold while unpacking."""

import re
import shutil
import zipfile
import zlib
from collections import defaultdict
from pathlib import Path, PurePosixPath

from datasets.errors import RunFailed, RunHeld
from datasets.issues import Issues, feed_issue
from harvesters.formats.siblings import SIBLINGS
from harvesters.formats.source import Source

MOST_MEMBERS = 10_000
MOST_RATIO = 250
RATIO_MATTERS_FROM = 100 << 20
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError)

PREFERRED = (".gpkg", ".fgb", ".geoparquet", ".parquet", ".shp", ".tab", ".mif", ".geojson", ".gml", ".json",
             ".geojsonl", ".geojsons", ".ndjson", ".kml",
             ".kmz", ".csv", ".tsv", ".xlsx", ".xlsm", ".ods", ".xls")  # fmt: skip
WHOLE = tuple(suffix for suffix in PREFERRED if suffix not in SIBLINGS)


def unpack(source: Source) -> tuple[Source, Issues]:
    """The one dataset in a zip, or the best format of it with a notice; RunHeld when there are several and the feed's
    layer names none of them."""
    with checked_zip(source) as archive:
        datasets = _datasets(archive)
        if not datasets:
            held = ", ".join(_shown(archive)[:5]) or "nothing"
            raise RunFailed("E-NO-LAYER", f"{source.name} is a zip file without a dataset in it; it holds {held}.")
        main, taken, issues = _chosen(datasets, source)
        folder = source.work / "unzipped"
        folder.mkdir(parents=True, exist_ok=True)
        paths = {
            suffix: _extract(archive, member, folder / f"member{suffix}", source) for suffix, member in taken.items()
        }
    suffix = PurePosixPath(main).suffix.lower()
    return source.within(paths[suffix], PurePosixPath(main).name, paths), issues


def unpack_kmz(source: Source) -> Source:
    """The KML document of a KMZ: `doc.kml`, or else the first at the top."""
    with checked_zip(source) as archive:
        documents = [name for name in _shown(archive) if name.lower().endswith(".kml")]
        if not documents:
            raise RunFailed("E-NO-LAYER", f"{source.name} is a KMZ file without a KML document in it.")
        documents.sort(key=lambda name: (name.lower() != "doc.kml", name.count("/")))
        source.work.mkdir(parents=True, exist_ok=True)
        path = _extract(archive, documents[0], source.work / "document.kml", source)
    return source.within(path, PurePosixPath(documents[0]).name)


def checked_zip(source: Source) -> zipfile.ZipFile:
    """The zip opened, after its directory was found to be whole, without a password and within the limits."""
    try:
        archive = zipfile.ZipFile(source.path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise damaged(source) from None
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    packed = max(source.path.stat().st_size, 1)
    if len(members) > MOST_MEMBERS:
        raise RunFailed("E-TOOLARGE", f"{source.name} holds {len(members)} files, more than {MOST_MEMBERS}.")
    if unpacked > source.settings.max_unpacked_bytes:
        limit = source.settings.max_unpacked_bytes
        raise RunFailed("E-TOOLARGE", f"{source.name} would unpack to {unpacked} bytes, more than {limit}.")
    if unpacked > RATIO_MATTERS_FROM and unpacked > packed * MOST_RATIO:
        raise RunFailed("E-TOOLARGE", f"{source.name} would unpack to {unpacked // packed} times its size.")
    if any(member.flag_bits & 1 for member in members):
        raise RunFailed("E-FORMAT", f"{source.name} is protected by a password; publish it without one.")
    return archive


def _shown(archive: zipfile.ZipFile) -> list[str]:
    """The files a person put there: no folders, nothing hidden, nothing a Mac leaves behind."""
    names = [name.replace("\\", "/") for name in archive.namelist()]
    return [
        name
        for name in names
        if not name.endswith("/")
        and not any(part.startswith((".", "__MACOSX")) and part not in (".", "..") for part in name.split("/"))
    ]


def _datasets(archive: zipfile.ZipFile) -> dict[str, dict[str, str]]:
    """Each dataset by its main file, with its files by extension."""
    names = _shown(archive)
    stems: dict[str, dict[str, str]] = defaultdict(dict)
    for name in names:
        path = PurePosixPath(name)
        stems[str(path.with_suffix("")).lower()][path.suffix.lower()] = name
    datasets = {}
    for files in stems.values():
        for suffix, parts in SIBLINGS.items():
            if suffix in files and (suffix != ".tab" or ".dat" in files or len(files) == 1):
                datasets[files[suffix]] = {part: files[part] for part in (suffix, *parts) if part in files}
        for suffix in WHOLE:
            if suffix in files:
                datasets[files[suffix]] = {suffix: files[suffix]}
    if not datasets and len(names) == 1:
        datasets[names[0]] = {PurePosixPath(names[0]).suffix.lower(): names[0]}
    return datasets


def _chosen(datasets: dict[str, dict[str, str]], source: Source) -> tuple[str, dict[str, str], Issues]:
    if len(datasets) == 1:
        main, files = next(iter(datasets.items()))
        return main, files, []
    wanted = (source.layer or "").casefold()
    for main, files in datasets.items():
        path = PurePosixPath(main)
        if wanted and wanted in (main.casefold(), path.name.casefold(), path.stem.casefold()):
            return main, files, []
    if _is_one_in_several_formats(datasets):
        main = min(datasets, key=lambda name: PREFERRED.index(PurePosixPath(name).suffix.lower()))
        others = ", ".join(name for name in datasets if name != main)
        return main, datasets[main], [feed_issue("W-MULTI-LAYER", f"{main} was read and not {others}.")]
    names = ", ".join(datasets)
    raise RunHeld("W-MULTI-LAYER", f"{source.name} holds several datasets ({names}); name one as the feed's layer.")


def _is_one_in_several_formats(datasets: dict[str, dict[str, str]]) -> bool:
    """Whether all have one name but for the ending and what MapInfo adds to the name of a Shapefile."""
    paths = [PurePosixPath(name) for name in datasets]
    stems = {
        re.sub(r"_(font_)?(point|polyline|line|region|polygon|area)s?$", "", path.stem.casefold()) for path in paths
    }
    return len(stems) == 1 and len({path.suffix.lower() for path in paths}) == len(paths)


def _extract(archive: zipfile.ZipFile, member: str, target: Path, source: Source) -> Path:
    """`member` as the file `target`. No more is unpacked of it than the directory says, which was checked."""
    names = {name.replace("\\", "/"): name for name in archive.namelist()}
    try:
        with archive.open(names[member]) as packed, target.open("wb") as out:
            shutil.copyfileobj(packed, out, 1 << 20)
    except NotImplementedError:
        raise RunFailed("E-FORMAT", f"{source.name} is packed in a way that is not read; use ordinary zip.") from None
    except UNREADABLE:
        raise damaged(source) from None
    return target


def damaged(source: Source) -> RunFailed:
    """What to say of a zip that cannot be unpacked."""
    return RunFailed("E-TRUNCATED", f"{source.name} is a zip file that ends too early or is damaged; publish it again.")
