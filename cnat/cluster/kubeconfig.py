"""What kubeconfig files say of a context's user, which the kubernetes client doesn't tell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import yaml

from cnat.core.fields import Manifest

# What a header's name may have beside letters and digits (RFC 9110, 5.6.2), but "%", which escapes.
_LEGAL = "!#$&'*+-.^_`|~"


class Kubeconfig:
    """Kubeconfig files as one: of two that say something, the first counts, as for kubectl.

    https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/

    Args:
        files: paths, separated as in KUBECONFIG. Those that don't exist are passed over.

    Raises:
        OSError, UnicodeError, yaml.YAMLError: one can't be read.
    """

    def __init__(self, files: str) -> None:
        paths = [Path(path).expanduser() for path in files.split(os.pathsep) if path]
        read = (yaml.safe_load(path.read_text("utf-8")) for path in paths if path.exists())
        self._documents = [document for document in read if isinstance(document, dict)]

    @property
    def current_context(self) -> str | None:
        named = (document.get("current-context") for document in self._documents)
        return next(filter(None, named), None)

    def user_name(self, context: str) -> str:
        """By which name the context logs in; "" for none."""
        return str((self._entry("context", context) or {}).get("user") or "")

    def user(self, name: str) -> Manifest | None:
        """That user's entry; None where there is none."""
        return self._entry("user", name)

    def _entry(self, kind: str, name: str) -> Manifest | None:
        for document in self._documents:
            for entry in document.get(f"{kind}s") or ():
                if entry["name"] == name:
                    return entry.get(kind) or {}
        return None


def impersonation(user: Manifest) -> Iterator[tuple[str, str]]:
    """The headers by which that user acts in the name of another (`as`, `as-uid`, `as-groups`,
    `as-user-extra`).

    https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
    """
    if name := user.get("as"):
        yield "Impersonate-User", _text(name)
    if uid := user.get("as-uid"):
        yield "Impersonate-Uid", _text(uid)
    for group in user.get("as-groups") or ():
        yield "Impersonate-Group", _text(group)
    for key, values in (user.get("as-user-extra") or {}).items():
        for value in values:
            yield f"Impersonate-Extra-{quote(key, safe=_LEGAL)}", _text(value)


def _text(value: object) -> str:
    """A header's value is sent as Latin-1, and read as UTF-8 by the API server."""
    return str(value).encode().decode("latin-1")
