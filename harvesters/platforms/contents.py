"""What stands in for the key of a row to which its platform gives none: what the row holds.

Rows that are alike in one answer are told apart by their number there, since one answer does not repeat itself; rows
that are alike on two pages of a read are taken for one that came twice. They may be two in truth, but where nothing
puts the rows in order, nobody can tell that from a row that came twice while another never came.
"""

import hashlib
import marshal
from collections import Counter
from collections.abc import Iterable
from typing import Any


def content_keys(contents: Iterable[bytes]) -> list[str]:
    """A key for each row of one page, in their order."""
    met = Counter[bytes]()
    keys = []
    for content in contents:
        digest = hashlib.blake2b(content, digest_size=12).digest()
        met[digest] += 1
        keys.append(f"{digest.hex()}-{met[digest]}")
    return keys


def json_content(row: Any) -> bytes:
    """What a row of JSON holds, the id aside, which may be made up for the answer."""
    told = {**row, "id": None} if isinstance(row, dict) else row
    # Four times as quick as JSON; later versions of the format depend on what else refers to a value.
    return marshal.dumps(told, 2)
