"""Who may talk to the API server: keys, tokens and kubeconfigs, without a call to openssl."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# RFC 5915 ECPrivateKey on prime256v1. Its public key is optional, and Go computes it from the
# private one, so 32 random bytes between these two constants are all of a key. (A number above the
# group's order would be refused; that is one in 2**32, and the API server says so.)
_DER_HEAD = bytes.fromhex("3031020101 0420")
_DER_TAIL = bytes.fromhex("a00a06082a8648ce3d030107")


def write_signing_key(path: Path) -> None:
    """Write a new P-256 private key, PEM, to sign service account tokens with."""
    der = base64.b64encode(_DER_HEAD + secrets.token_bytes(32) + _DER_TAIL).decode()
    lines = (der[at : at + 64] for at in range(0, len(der), 64))
    text = "\n".join(("-----BEGIN EC PRIVATE KEY-----", *lines, "-----END EC PRIVATE KEY-----", ""))
    _write_private(path, text)


def write_tokens(path: Path, users: dict[str, str]) -> dict[str, str]:
    """Write kube-apiserver's static token file and return each user's token.

    Args:
        path: The file.
        users: User name to its one group, "" for none.
    """
    tokens = {user: secrets.token_hex(16) for user in users}
    rows = (
        f"{tokens[user]},{user},{user}" + (f",{group}\n" if group else "\n")
        for user, group in users.items()
    )
    _write_private(path, "".join(rows))
    return tokens


def write_kubeconfig(
    path: Path, *, server: str, ca_file: Path, token: str, namespace: str | None = None
) -> Path:
    """Write a kubeconfig with one context and return its path.

    Args:
        path: The file; it is replaced.
        server: Base URL.
        ca_file: PEM of what to trust; it is copied in, so that the file stands alone.
        token: Bearer token.
        namespace: The context's namespace; ``default`` if None.
    """
    authority = base64.b64encode(ca_file.read_bytes()).decode()
    cluster = {"server": server}
    if server.startswith("https:"):
        cluster["certificate-authority-data"] = authority
    context = {"cluster": "cnat", "user": "cnat"}
    if namespace is not None:
        context["namespace"] = namespace
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cnat", "cluster": cluster}],
        "users": [{"name": "cnat", "user": {"token": token}}],
        "contexts": [{"name": "cnat", "context": context}],
        "current-context": "cnat",
    }
    # JSON is YAML, and needs no library.
    _write_private(path, json.dumps(config, indent=1))
    return path


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
