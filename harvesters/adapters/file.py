"""The adapter for a plain file on the web: the feed's address is the file."""

from datasets.feed import Feed
from harvesters.adapters.address import ResourceAddress, name_of
from harvesters.session import Session


def resource_address(feed: Feed, session: Session) -> ResourceAddress:
    """The feed's own address."""
    return ResourceAddress(feed.url, name_of(feed.url))
