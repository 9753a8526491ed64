"""The peer of a fetch, in a process of its own: asks with plain requests, on one connection, for the addresses that it
reads from standard input one after the other, counts the bytes and keeps none. What it takes, any client has to pay."""

import json
import sys
import time

import requests


def main() -> None:
    """Asks, and prints seconds and bytes as one JSON object."""
    urls = sys.stdin.read().split()
    began, size = time.perf_counter(), 0
    with requests.Session() as session:
        session.trust_env = False
        for url in urls:
            answer = session.get(url, timeout=60)
            answer.raise_for_status()
            size += len(answer.content)
    json.dump({"seconds": time.perf_counter() - began, "bytes": size}, sys.stdout)


if __name__ == "__main__":
    main()
