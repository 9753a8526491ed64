"""The screen stage: columns that name people leave before anything else looks at them.

What the layer does not ask for is dropped by the map stage; this stage keeps personal columns from being mapped at all.
"""

import re
from dataclasses import replace

from datasets.issues import feed_issue
from datasets.vocabulary import Action
from harvesters.batch import Opened

_PERSONAL = re.compile(
    r"forename|surname|first_?name|last_?name|date_?of_?birth|\bdob\b|\bnino\b|national_?insurance|nhs_?n(o|um)"
    r"|applicant|occupier|supervisor|key_?holder|caretaker|contact_?name|contact_?person|elector_?name"
    r"|presiding|created_?by|edited_?by|modified_?by|last_?edited|created_?user|metadata_?(creator|contributor)",
    re.IGNORECASE,
)


def screen(opened: Opened) -> Opened:
    """The resource without columns whose names say that they hold people; each is an issue."""
    personal = [column for column in opened.columns if _PERSONAL.search(re.sub(r"[\s:.-]+", "_", column))]
    if not personal:
        return opened
    issues = [
        feed_issue(
            "personal-column-dropped", f"Column {column!r} was left out.", action=Action.DROPPED, field=column,
            count=opened.records.height,
        )
        for column in personal
    ]  # fmt: skip
    return replace(opened, records=opened.records.drop(personal), issues=opened.issues + issues)
