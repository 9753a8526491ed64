"""E-mail addresses of persons. Those of a role, such as `info@` or `parks.team@`, are what a file should have."""

import re
from collections.abc import Iterator

from harvesters.personal.detector import Detector, Span
from harvesters.personal.people import forenames

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


def find(text: str) -> Iterator[Span]:
    for match in ADDRESS.finditer(text):
        if is_personal(match.group(1), match.group(2)):
            yield match.span()


def is_personal(box: str, domain: str) -> bool:
    """Whether the mailbox is named after a person, or is one that people have at home."""
    parts = [part for part in re.split(r"[._+'-]|\d+", box.lower()) if part]
    # A word of three letters or fewer may be within any name, so it must stand alone to say that a role is meant.
    found = [role for part in parts for role in ROLE.findall(part) if len(role) > 3 or role == part]
    if found and not (parts[0] in forenames() and len(parts) > 1 and not ROLE.search(parts[-1])):
        return False
    if FREE_MAIL.match(domain):
        return True
    if len(parts) == 1:
        return parts[0] in forenames()
    return len(parts) <= 3 and all(part.isalpha() for part in parts) and len(parts[-1]) > 1


DETECTOR = Detector("a person's e-mail address", r"@", find)
