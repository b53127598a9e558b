"""Which of several passes, side by side, answers for an At."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Set in every Pod of a Job with completionMode: Indexed (KEP-2214).
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"

# 64-bit FNV-1a (RFC 9923), which is what an API server selects shares by.
_HASHES = 1 << 64
_BITS = _HASHES - 1
_OFFSET_BASIS = 0xCBF29CE484222325
_PRIME = 0x100000001B3


@dataclass(frozen=True, slots=True)
class Shard:
    """Share `index` of `count`; each At is in exactly one, for as long as it lives.

    It is a range of the hashes of the Ats' uids, since so an API server can be asked for it: by
    `shardSelector`, from Kubernetes 1.36 on, with the feature gate ShardedListAndWatch (KEP-5866).
    """

    index: int = 0
    count: int = 1

    def __contains__(self, uid: str) -> bool:
        return self.count == 1 or fnv1a(uid) in self._hashes

    @property
    def selector(self) -> str | None:
        """The `shardSelector` of a list (k8s.io/apiserver, `sharding.Parse`); None for all Ats."""
        if self.count == 1:
            return None
        first, end = self._hashes.start, self._hashes.stop
        return f"shardRange(object.metadata.uid, '{first:#018x}', '{end:#018x}')"

    @property
    def _hashes(self) -> range:
        return range(
            self.index * _HASHES // self.count,
            (self.index + 1) * _HASHES // self.count,
        )


EVERY_AT = Shard()


def fnv1a(text: str) -> int:
    """The 64-bit FNV-1a hash of the text in UTF-8."""
    value = _OFFSET_BASIS
    for byte in text.encode():
        value = (value ^ byte) * _PRIME & _BITS  # A remainder would take half as long again.
    return value


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
