"""Files that look like manifests and aren't yet: Helm templates and kustomize patches.

What they become can be checked: `helm template`, `kubectl kustomize`, piped into `-f -`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from cnat.manifests import decode

# Where YAML ends and a template begins: a line or a value that starts with `{{` and then a word of
# Helm's, a field or a variable. Further inside, it may be a shell command's (`docker ps --format`).
_ACTION = re.compile(
    r"^[ \t]*(?:-[ \t]+)*(?:[\w./-]+:[ \t]+)?\{\{-?\s*"
    r"(?:[.$]|/\*|(?:if|else|end|range|with|define|template|block|include|tpl|toYaml)\b)",
    re.MULTILINE,
)
# https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_PATCHES = ("patches", "patchesStrategicMerge", "patchesJson6902")


def has_template_actions(text: str) -> bool:
    """Whether the text is one for Go's template engine."""
    return bool(_ACTION.search(text))


def is_chart_template(file: Path) -> bool:
    """Whether it is below the `templates` of a Helm chart."""
    return _in_chart_templates(file.absolute().parent)


@cache
def _in_chart_templates(folder: Path) -> bool:
    if folder.name == "templates" and (folder.parent / "Chart.yaml").is_file():
        return True
    return folder != folder.parent and _in_chart_templates(folder.parent)


def is_kustomize_patch(file: Path) -> bool:
    """Whether a kustomization, in its folder or one above, names it as a patch."""
    path = file.absolute()
    return any(path in _patches(folder) for folder in path.parents)


@cache
def _patches(folder: Path) -> frozenset[Path]:
    for name in _KUSTOMIZATIONS:
        try:
            text = (folder / name).read_text(encoding="utf-8")
            return frozenset((folder / path).resolve() for path in _paths(decode.decode(text)))
        except (OSError, ValueError):
            continue
    return frozenset()


def _paths(kustomization: Any) -> Iterator[str]:
    for key in _PATCHES if isinstance(kustomization, dict) else ():
        entries = kustomization.get(key)
        for entry in entries if isinstance(entries, list) else ():
            path = entry.get("path") if isinstance(entry, dict) else entry
            # patchesStrategicMerge has patches themselves beside the paths of such.
            if isinstance(path, str) and "\n" not in path:
                yield path
