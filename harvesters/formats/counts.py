"""What a server says of the number of its records, beside what it sent. A read that is short ends nothing."""

import polars as pl

from datasets.issues import Issues, feed_issue

SHORT, OTHER = "E-SHORT", "E-COUNT"


def count_issue(word: str, stated: int, received: int) -> pl.DataFrame:
    """The issue of a count that disagrees: short where fewer were sent, only odd where more were."""
    return feed_issue(SHORT if received < stated else OTHER, f"{word} is {stated}, but {received} features were sent.")


def more_issue(received: int) -> pl.DataFrame:
    """The issue of a server that says itself that there is more."""
    return feed_issue(SHORT, f"The service sent {received} records and says that there are more.")


def without_counts(issues: Issues) -> Issues:
    """The issues but for those of counts."""
    return [part.filter(~pl.col("code").is_in([SHORT, OTHER])) for part in issues]


def is_whole(issues: Issues) -> bool:
    """Whether nothing a server said shows that records are missing."""
    return not any(SHORT in part["code"] for part in issues)
