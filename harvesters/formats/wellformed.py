"""Whether an XML document is whole and keeps to itself. GDAL reads a broken one as far as it goes and says nothing."""

from xml.parsers import expat

from datasets.errors import RunFailed
from harvesters.formats.source import Source

CUT = {
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
    expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
}


def refuse_bad_xml(source: Source) -> None:
    """RunFailed when the document is cut off, is not well-formed or declares a document type, through which it could
    read other files or grow without end."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda *_: _refuse(source)
    try:
        with source.path.open("rb") as file:
            parser.ParseFile(file)
    except expat.ExpatError as error:
        if error.code in CUT:
            raise RunFailed(
                "E-TRUNCATED", f"{source.name} ends before its last element does; it was cut off."
            ) from None
        said = expat.errors.messages.get(error.code, "not well-formed")
        where = f"line {error.lineno}, column {error.offset + 1}"
        raise RunFailed("E-FORMAT", f"{source.name} is XML that cannot be read: {said} at {where}.") from None


def _refuse(source: Source) -> None:
    raise RunFailed("E-FORMAT", f"{source.name} declares XML entities or a document type, which is not accepted.")
