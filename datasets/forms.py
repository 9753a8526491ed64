"""The one form that a value of each type has when it needs no tidying, as patterns."""

from datasets.vocabulary import FieldType

POSTCODE = r"^([A-Z]{1,2}[0-9][A-Z0-9]?|GIR) ?([0-9][A-Z]{2})$"
EMAIL = r"^[^@\s<>,;]+@[^@\s<>,;]+\.[A-Za-z]{2,}$"
URL = r"^https?://[^\s/?#@]+\.[^\s]+$"
NUMBER = r"^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$"

FORMS: dict[FieldType, str] = {
    FieldType.TEXT: r"\S",
    FieldType.TIME_RANGES: r"\S",
    FieldType.PHONE: r"\S",
    FieldType.INTEGER: r"^-?\d+$",
    FieldType.DECIMAL: r"^-?\d+(?:\.\d+)?$",
    FieldType.MONEY: r"^-?\d+(?:\.\d+)?$",
    FieldType.FLAG: r"(?i)^(?:yes|no|true|false)$",
    FieldType.DATE: r"^\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?$",
    FieldType.POSTCODE: POSTCODE.replace(" ?", " "),
    FieldType.UPRN: r"^[1-9]\d{0,11}$",
    FieldType.URL: URL,
    FieldType.EMAIL: EMAIL,
}
"""Coded types are not here: their forms are their codelists. Both regular expression engines that we use read these."""

EXAMPLES: dict[FieldType, str] = {
    FieldType.INTEGER: "12",
    FieldType.DECIMAL: "1.5",
    FieldType.MONEY: "0.20",
    FieldType.FLAG: "yes",
    FieldType.DATE: "1984-03-05",
    FieldType.POSTCODE: "AB1 2CD",
    FieldType.UPRN: "10001234567",
    FieldType.URL: "https://example.org/",
    FieldType.EMAIL: "trees@example.org",
}
