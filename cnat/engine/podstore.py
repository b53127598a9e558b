"""Pods kept, small, until their Ats have been read."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator

from cnat.core.objects import Pod


class PodStore:
    """Pods by the uid of their At.

    A cluster may hold more Pods than fit into memory: 25 KB each as Python objects, measured on
    one that a kubelet has finished. What a decision can read of it takes 0.2 KB here, since Pods
    are alike: the first one serves as zlib's dictionary for all the others.
    """

    def __init__(self) -> None:
        self._packed: dict[str, list[bytes]] = {}
        self._sample = b""

    def put(self, uid: str, pod: Pod) -> None:
        """Keep a Pod of the At with that uid."""
        text = json.dumps(pod.slim().raw, separators=(",", ":")).encode()
        self._sample = self._sample or text
        packer = zlib.compressobj(level=1, wbits=-zlib.MAX_WBITS, zdict=self._sample)
        packed = packer.compress(text) + packer.flush()
        self._packed.setdefault(uid, []).append(packed)

    def take(self, uid: str) -> tuple[Pod, ...]:
        """The Pods of that At, which aren't kept any longer."""
        return tuple(self._unpacked(packed) for packed in self._packed.pop(uid, ()))

    def rest(self) -> Iterator[Pod]:
        """The Pods that nobody has taken."""
        return (self._unpacked(packed) for pods in self._packed.values() for packed in pods)

    def _unpacked(self, packed: bytes) -> Pod:
        unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS, zdict=self._sample)
        return Pod(json.loads(unpacker.decompress(packed)))
