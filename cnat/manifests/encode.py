"""Value to text: YAML for people, that means to kubectl what it meant before."""

from __future__ import annotations

import yaml

from cnat.core.fields import Manifest
from cnat.manifests import decode


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None if isinstance(decode.plain(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_text)


def encode(manifest: Manifest) -> str:
    """YAML for people: keys in their order, one a line, several lines of text as they are."""
    text: str = yaml.dump(
        manifest, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**16
    )
    return text
