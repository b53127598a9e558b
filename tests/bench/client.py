"""Requests over one connection pool, with nothing in between: what a floor is made of."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from cnat.cluster.connect import connect

Manifest = dict[str, Any]
T = TypeVar("T")

MERGE_PATCH = "application/merge-patch+json"
_JSON = "application/json"


class Refused(Exception):
    """An answer that says no. Attribute: `code`."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Client:
    """The pool of the kubernetes client that cnat uses; thread-safe.

    Args:
        width: requests under way at once.
    """

    def __init__(self, kubeconfig: Path, width: int) -> None:
        connection = connect(str(kubeconfig), None, width)
        self._width = width
        self._host = connection.host
        self._pool = connection.pool
        self._headers = connection.headers()

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = _JSON,
        accept: str = _JSON,
    ) -> Manifest:
        """One request, and its answer decoded."""
        answer = self._pool.request(
            method,
            self._host + path,
            body=None if body is None else json.dumps(body),
            headers={**self._headers, "Content-Type": content_type, "Accept": accept},
        )
        document: Manifest = json.loads(answer.data)
        if answer.status >= 300:
            message = document.get("message")
            raise Refused(answer.status, f"{method} {path}: {answer.status} {message}")
        return document

    def pages(
        self, path: str, limit: int, items: str = "items", accept: str = _JSON
    ) -> Iterator[list[Manifest]]:
        """A list, page by page: what each has under that key."""
        token = ""
        while True:
            page = self("GET", f"{path}limit={limit}&continue={token}", accept=accept)
            yield page[items]
            token = page["metadata"].get("continue", "")
            if not token:
                return

    def each(self, work: Callable[[T], object], items: Iterable[T]) -> None:
        """Do it for each item, as many at once as the pool is wide."""
        iterator = iter(items)
        with ThreadPoolExecutor(self._width) as threads:
            while chunk := list(itertools.islice(iterator, 2000)):
                for _ in threads.map(work, chunk):
                    pass
