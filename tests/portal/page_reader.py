"""Reads a page the way a strict browser would: its text, headings, links and tables, and every fault of nesting."""

import re
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input"}
SKIPPED = {"title", "style", "script"}


class Page(HTMLParser):
    """`text` is what a reader sees, with single spaces; `tags` every element with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.faults: list[str] = []
        self.title = ""
        self._open: list[str] = []
        self._words: list[str] = []
        self.feed(html)
        self.close()
        self.faults.extend(f"<{tag}> is never closed" for tag in self._open)
        self.text = re.sub(r"\s+", " ", "".join(self._words)).replace(" ,", ",").strip()

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def links(self) -> list[str]:
        return [attributes["href"] for attributes in self.all("a")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if len(attributes) < len(attrs):
            self.faults.append(f"<{tag}> has an attribute twice")
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self._open.append(tag)
        if tag not in ("a", "span", "strong", "code", "time"):
            self._words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self._open[-1:]}")
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if "title" in self._open:
            self.title += data
        elif not SKIPPED.intersection(self._open):
            self._words.append(data)
