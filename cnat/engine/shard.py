"""Which of several passes, side by side, answers for an At."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

# Set in every Pod of a Job with completionMode: Indexed (KEP-2214).
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"


@dataclass(frozen=True, slots=True)
class Shard:
    """Share `index` of `count`; each At is in exactly one, for as long as it lives."""

    index: int = 0
    count: int = 1

    def __contains__(self, uid: str) -> bool:
        return zlib.crc32(uid.encode()) % self.count == self.index


def parse(text: str, environment: Mapping[str, str]) -> Shard:
    """Read `I/N`, shares numbered from 0, or `auto/N`: the index of this Pod of an Indexed Job.

    Raises:
        ValueError: anything else; the text says what would do.
    """
    first, slash, last = text.partition("/")
    index = environment.get(INDEX_VARIABLE, "") if first == "auto" else first
    if first == "auto" and not index:
        raise ValueError(f"'auto' needs {INDEX_VARIABLE}, which Pods of an Indexed Job have")
    if not (slash and index.isdecimal() and last.isdecimal() and int(index) < int(last)):
        raise ValueError(f"{text!r} is no share: write I/N with I from 0 to N-1, or auto/N")
    return Shard(int(index), int(last))
