"""E-mail addresses of persons. Those of a role, such as `info@` or `parks.team@`, are what a file should have."""

import re
from collections.abc import Iterator

from harvesters.personal.detector import Detector, Span
from harvesters.personal.people import forenames, surnames

ADDRESS = re.compile(r"(?<![\w.+-])([A-Za-z0-9][\w.+'-]*)@((?:[\w-]+\.)+[A-Za-z]{2,})")
ROLE = re.compile(
    r"info|enquir|inquir|contact|admin|office|team|support|help|service|customer|reception|mail|booking|book|hello"
    r"|council|parish|clerk|library|libraries|toilet|park|tree|street|highway|environment|recycl|waste|planning|policy"
    r"|election|elector|vote|licen[cs]|conserv|heritage|design|data|gis|open|web|feedback|comment|complain|report|press"
    r"|school|head|centre|center|hall|church|club|trust|society|group|association|community|charity|museum|theatre"
    r"|leisure|sport|pool|housing|property|estate|asset|parking|transport|pollution|air|health|food|trading|secretary"
    r"|manager|director|general|local|public|sales|account|noreply|no-reply|post|shop|stop|hub|cafe|farm|hotel|pub|inn"
)
FREE_MAIL = re.compile(
    r"(?i)^(?:gmail|googlemail|hotmail|outlook|live|msn|yahoo|ymail|aol|icloud|me|mac|btinternet|btopenworld|talktalk"
    r"|sky|virginmedia|virgin|ntlworld|blueyonder|tiscali|protonmail|proton|gmx|mail)\.(?:com|net|org|co\.uk|me|uk)$"
)
ROLE_SURNAMES = frozenset({"church", "hall", "park", "parks", "street", "post"})
"""Words of roles that are surnames where somebody writes from home."""


def find(text: str) -> Iterator[Span]:
    for match in ADDRESS.finditer(text):
        if is_personal(match.group(1), match.group(2)):
            yield match.span()


def is_personal(box: str, domain: str) -> bool:
    """Whether the mailbox is named after a person, or is one that people have at home."""
    parts = [part for part in re.split(r"[._+'-]|\d+", box.lower()) if part]
    # "E-mail-jane.example@": the word before the address has grown together with it.
    while len(parts) > 1 and parts[0] in ("e", "email", "mail", "mailto") and parts[1] != "box":
        parts = parts[1:]
    at_home = FREE_MAIL.match(domain) is not None
    if _are_a_name(parts, at_home):
        return True
    if any(_is_a_role(part) for part in parts):
        return False
    if at_home:
        return True
    if len(parts) == 1:
        return parts[0] in forenames()
    return len(parts) <= 3 and all(part.isalpha() for part in parts) and len(parts[-1]) > 1


def _are_a_name(parts: list[str], at_home: bool) -> bool:
    """Whether the parts are a forename or initial and a surname, or both in one; surnames may be words of roles."""
    known = surnames() | ROLE_SURNAMES if at_home else surnames()
    if len(parts) > 1:
        first, last = parts[0], parts[-1]
        called = (first in forenames() or len(first) == 1) and (last in known or not _is_a_role(last))
        return called or (last in forenames() and first in known)
    [one] = parts or [""]
    if not at_home or one in known:
        return one in known and one not in ROLE_SURNAMES and one not in forenames() and not _is_a_role(one)
    return any(one[:end] in forenames() or end == 1 for end in range(1, len(one) - 1) if one[end:] in known)


def _is_a_role(part: str) -> bool:
    """Whether the word is one of a role or begins or ends with one; what is shorter than four letters may be within any
    name, so it must stand alone, and `parker` and `marshall` are names."""
    if part in surnames() and not ROLE.fullmatch(part):
        return False
    found = [match for match in ROLE.finditer(part) if len(match.group()) > 3 or match.group() == part]
    return any(match.start() == 0 or match.end() >= len(part.removesuffix("s")) for match in found)


DETECTOR = Detector("a person's e-mail address", r"@", find)
