"""Lists, page by page, in pages that fit into memory whatever their objects weigh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from cnat.cluster.protocol import Rejected
from cnat.cluster.transport import JSON, TooLarge, Transport
from cnat.core.fields import Manifest

# An object weighs from 1 KB to what etcd takes, 1.5 MB. So the first page is small, each further
# one has as many as make the size aimed at, and one that comes out larger than is borne, since all
# were small until there, is asked for again in smaller ones. As objects it takes some five times
# its bytes.
_FIRST = 20
_AIM_BYTES = 2 << 20
_MOST_BYTES = 8 << 20
_SMALLER = 8
# Seconds that a page may take: on a busy API server it takes long.
_TIMEOUT = 30.0


def pages(
    transport: Transport, path: str, query: Mapping[str, str | None], most: int
) -> Iterator[list[Manifest]]:
    """All objects under `path`, at most `most` at a time. One page at a time is in memory, but for
    what is kept of it by whom it was given to.

    Args:
        query: as for `documents`.

    Raises:
        ClusterError: a page can't be had, or what answers is no list.
    """
    for page in documents(transport, path, query, most):
        items = page.get("items") or []
        if not isinstance(items, list):
            raise transport.no_api_server(f"its answer to GET {path} is no list")
        del page
        yield items
        del items


def documents(
    transport: Transport,
    path: str,
    query: Mapping[str, str | None],
    most: int,
    accept: str = JSON,
    first: int = _FIRST,
) -> Iterator[Manifest]:
    """The pages of a list as they are answered: Lists with `items`, or Tables with `rows`.

    When the continue token has expired (410), the answer brings another that goes on from the same
    key at a later state (API concepts, "Retrieving large results sets in chunks"). That suits all
    of our lists: what exists throughout is in them.

    Args:
        query: what is asked for on each page; None and what is empty is left out.
        accept: the media type of the pages.
        first: how many the first page may have: more than the default where all are small.

    Raises:
        ClusterError: a page can't be had, or what answers is no list.
    """
    asked = {name: value for name, value in query.items() if value}
    limit = min(first, most)
    while True:
        target = f"{path}?{urlencode({**asked, 'limit': limit})}"
        try:
            at_most = _MOST_BYTES if limit > 1 else None
            page, size = transport.read(target, _TIMEOUT, at_most, accept)
        except TooLarge:
            limit = max(1, limit // _SMALLER)
            continue
        except Rejected as error:
            if error.code != 410 or not error.continuation:
                raise
            asked["continue"] = error.continuation
            continue
        metadata = page.get("metadata")
        if not isinstance(metadata, dict):
            raise transport.no_api_server(f"its answer to GET {path} is no list")
        if entries := page.get("items") or page.get("rows"):
            limit = min(most, max(1, len(entries) * _AIM_BYTES // size))
        del entries
        yield page
        del page
        token = metadata.get("continue")
        if not token:
            return
        asked["continue"] = token
