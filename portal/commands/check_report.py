"""What `citywide feeds check` says of a file: as JSON for programs, as tables for people."""

from typing import Any

import polars as pl
from rich.table import Table

from datasets.issues import issue_codes
from datasets.vocabulary import Outcome
from harvesters.run import RunReport
from portal.console import out

EXAMPLES = 3
VERDICTS = {
    Outcome.PUBLISHED: "[green]This file would be published.",
    Outcome.HELD: "[yellow]This file would be held until a person decides.",
    Outcome.FAILED: "[red]This file cannot be used.",
}


def check_document(report: RunReport) -> dict[str, Any]:
    """The report as plain values."""
    values = report.values
    return {
        "outcome": report.outcome.value,
        "code": report.code,
        "message": report.message,
        "format": values.get("format"),
        "encoding": values.get("encoding"),
        "crs": values.get("crs"),
        "mapping": _shown(values.get("mapping")),
        "rows_read": values.get("rows_read"),
        "features": values.get("features"),
        "outside_boundary": values.get("outside_boundary"),
        "issues": issue_summary(report.issues),
    }


def _shown(mapping: dict[str, Any] | None) -> dict[str, Any] | None:
    """The mapping without what only the next run needs."""
    return {name: told for name, told in mapping.items() if name != "profiles"} if mapping else None


def issue_summary(issues: pl.DataFrame) -> list[dict[str, Any]]:
    """Issues by code and field, gravest first, each with how many and the first few."""
    order = ["critical", "error", "warning", "notice", "info"]
    found = []
    for (code, field), part in issues.group_by(["code", "field"], maintain_order=True):
        examples = part.head(EXAMPLES).select("row_no", "value", "message").to_dicts()
        found.append(
            {
                "code": code,
                "severity": part["severity"][0],
                "responsibility": part["responsibility"][0],
                "action": part["action"][0],
                "field": field,
                "count": int(part["count"].sum()),
                "title": issue_codes()[str(code)].title,
                "fix": issue_codes()[str(code)].fix,
                "examples": [{k: v for k, v in example.items() if v is not None} for example in examples],
            }
        )
    return sorted(found, key=lambda issue: order.index(issue["severity"]))


def print_check(report: RunReport) -> None:
    """The report as a person reads it."""
    document = check_document(report)
    out.print(VERDICTS[report.outcome])
    out.print(report.message, markup=False, soft_wrap=True)
    outside = document["outside_boundary"]
    facts = Table(box=None, show_header=False, pad_edge=False)
    for name, value in (
        ("Format", " ".join(filter(None, (document["format"], document["encoding"])))),
        ("Coordinates", document["crs"]),
        ("Rows read", document["rows_read"]),
        ("Features", document["features"]),
        ("Outside the council", None if outside is None else f"{outside:.1%}"),
    ):
        facts.add_row(name, "–" if value in (None, "") else str(value).replace("[", r"\["))
    out.print(facts)
    if document["mapping"]:
        out.print(_mapping_table(document["mapping"]))
    if document["issues"]:
        out.print(_issue_table(document["issues"]))


def _mapping_table(mapping: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title="Mapping", title_justify="left")
    for heading in ("Field", "Column", "Sure", "Because"):
        table.add_column(heading, overflow="fold")
    rows = list(mapping["fields"])
    if mapping["location"]:
        rows.insert(0, {**mapping["location"], "field": f"location ({mapping['location']['kind']})"})
    for row in rows:
        columns = " + ".join(row["columns"]) or str(row.get("constant") or "–")
        table.add_row(
            row["field"], columns.replace("[", r"\["), f"{row['confidence']:.0%}", row["evidence"].replace("[", r"\[")
        )
    if mapping["unmapped"]:
        table.add_row("not used", ", ".join(mapping["unmapped"]).replace("[", r"\["), "", "")
    return table


def _issue_table(issues: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title="Issues", title_justify="left")
    for heading, justify in (
        ("Issue", "left"),
        ("Field", "left"),
        ("Rows", "right"),
        ("Done", "left"),
        ("For example", "left"),
    ):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for issue in issues:
        first = issue["examples"][0]
        row = f"row {first['row_no']}: " if "row_no" in first else ""
        told = row + str(first.get("value") or first.get("message") or "")
        table.add_row(
            f"{issue['title']} ({issue['code']})", issue["field"] or "", f"{issue['count']:,}", issue["action"],
            told.replace("[", r"\["),
        )  # fmt: skip
    return table
