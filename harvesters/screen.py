"""The screen stage: columns that name people leave before anything else looks at them.

What the layer does not ask for is dropped by the map stage; this stage keeps personal columns from being mapped at all,
and what is personal in the names of columns and layers from being told.
"""

import re
from dataclasses import replace

from datasets.issues import Issues, feed_issue
from datasets.vocabulary import Action
from harvesters.batch import Opened
from harvesters.personal.conceal import concealed, concealed_name
from harvesters.personal.scan import SUSPECTED

_PERSONAL = re.compile(
    r"fore_?name|sur_?name|(first|last|middle|given|family|full|maiden)_?name|initials|salutation"
    r"|date_?of_?birth|birth_?(date|day)|\bdob\b|_dob\b|\bdob_"
    r"|\bnino\b|national_?insurance|\bni_?n(o|um)|nhs_?n(o|um)|passport|driving_?licen|driver_?n(o|um)"
    r"|iban|sort_?code|account_?n(o|um|ame)|(payment|bank|credit|debit)_?card|vehicle_?reg|number_?plate"
    r"|ethnicity|medical_?cond|next_?of_?kin|benefit_?claim"
    r"|applicant|occupier|occupant|tenant_?name|resident_?name|supervisor|key_?holder|caretaker|complainant|claimant"
    r"|contact_?(name|person|mobile)|home_?(address|phone|tel)|mobile_?(n(o|um)|phone|tel)|personal_?e?_?mail"
    r"|owner_?name|agent_?name|licen[cs]e_?holder|holder_?(name|address)|elector_?(name|n(o|um))|person_?name"
    r"|presiding|case_?officer|officer_?name|inspector_?name|surveyor_?name|surveyed_?by|inspected_?by|recorded_?by"
    r"|reported_?by|created_?by|edited_?by|modified_?by|updated_?by|entered_?by|last_?edited|created_?user|user_?name"
    r"|last_?user|editor\b|metadata_?(creator|contributor)|ip_?address",
    re.IGNORECASE,
)
"""Of words that name roles as well (contact, owner, agent, officer), only what says that it is a person's."""


def screen(opened: Opened) -> Opened:
    """The resource without columns whose names say that they hold people, and without what is personal in the names of
    its columns and layer; each column is an issue."""
    personal = [column for column in opened.columns if names_people(column)]
    issues: Issues = [
        feed_issue(
            "personal-column-dropped", f"Column {column!r} was left out.", action=Action.DROPPED, field=column,
            count=opened.records.height,
        )
        for column in personal
    ]  # fmt: skip
    records = opened.records.drop(personal)
    shown = {name: f"column_{place}" for place, name in enumerate(opened.columns, 1) if concealed(name) != name}
    shown = {name: made for name, made in shown.items() if name in records.columns}
    if shown:
        message = "A column name looks like personal data; is there a header row?"
        issues.append(feed_issue(SUSPECTED, message, action=Action.HELD, count=len(shown)))
        records = records.rename(shown)
    layer_name = None if opened.layer_name is None else concealed_name(opened.layer_name)
    if not personal and not shown and layer_name == opened.layer_name:
        return opened
    return replace(opened, records=records, issues=opened.issues + issues, layer_name=layer_name)


def names_people(column: str) -> bool:
    """Whether a column's name says that it holds people."""
    return bool(_PERSONAL.search(re.sub(r"[\s:.-]+", "_", column)))
