"""What is wrong with manifests, or doubtful; where it stands; and how many were read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands.

    Attributes:
        source: the file, as the user named it or the folder that it is in; or `<stdin>`.
        line, column: from 1; 0 where they aren't known, as for a file as a whole.
    """

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """`file:line:column`, as compilers write it and editors and CI systems read it."""
        return ":".join([self.source, *(str(each) for each in (self.line, self.column) if each)])


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a manifest, or with a file.

    Attributes:
        source, line, column: as in Place, of the very field.
        name: `Kind namespace/name` of the object, as far as it has them; else "".
        field: its path, like `spec.containers[0].imgae`; "" is the object or file as a whole.
        reason: what is wrong, and the way out.
        severity: an `error` keeps the object from being applied or started. With a `warning` it
            does as it is written, which may not be what is meant.
    """

    source: str
    reason: str
    line: int = 0
    column: int = 0
    name: str = ""
    field: str = ""
    severity: Severity = "error"

    @property
    def place(self) -> Place:
        return Place(self.source, self.line, self.column)

    @property
    def told(self) -> str:
        """`Kind namespace/name, field: reason`."""
        what = ", ".join(filter(None, [self.name, self.field]))
        return f"{what and f'{what}: '}{self.reason}"

    def __str__(self) -> str:
        """`file:line:column: Kind namespace/name, field: reason`."""
        severity = "warning: " if self.severity == "warning" else ""
        return f"{self.place}: {severity}{self.told}"


@dataclass(slots=True)
class Counts:
    """How many were read, for the line that says so.

    Attributes:
        files: that were opened; standard input is one.
        ats: that are as they should be.
        invalid: objects, or documents that can't be read, with at least one error.
        others: objects of other kinds.
        foreign: documents that are no manifests: they have neither `apiVersion` nor `kind`.
        helm_templates, kustomize_patches: files that were skipped as such.
    """

    files: int = 0
    ats: int = 0
    invalid: int = 0
    others: int = 0
    foreign: int = 0
    helm_templates: int = 0
    kustomize_patches: int = 0

    def __str__(self) -> str:
        """`12 files: 9 Ats, 1 invalid, 30 other objects, 2 Helm templates skipped`."""
        skipped = [
            _counted(number, noun)
            for number, noun in (
                (self.foreign, "other document"),
                (self.helm_templates, "Helm template"),
                (self.kustomize_patches, "kustomize patch"),
            )
            if number
        ]
        notes = [
            _counted(self.ats, "At"),
            f"{self.invalid} invalid" if self.invalid else "",
            _counted(self.others, "other object") if self.others else "",
            f"{', '.join(skipped)} skipped" if skipped else "",
        ]
        return f"{_counted(self.files, 'file')}: {', '.join(filter(None, notes))}"


def _counted(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
