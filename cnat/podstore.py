"""Pods kept until their Ats have been read."""

from __future__ import annotations

from collections.abc import Iterator

from cnat.api import Pod
from cnat.packed import Packer


class PodStore:
    """Pods by the uid of their At, packed: a cluster may hold more than fit into memory."""

    def __init__(self) -> None:
        self._packer: Packer[Pod] = Packer()
        self._packed: dict[str, list[bytes]] = {}

    def put(self, uid: str, pod: Pod) -> None:
        """Keep a Pod of the At with that uid."""
        self._packed.setdefault(uid, []).append(self._packer.pack(pod.slim()))

    def take(self, uid: str) -> tuple[Pod, ...]:
        """The Pods of that At, which aren't kept any longer."""
        return tuple(map(self._packer.unpack, self._packed.pop(uid, ())))

    def rest(self) -> Iterator[Pod]:
        """The Pods that nobody has taken."""
        return (self._packer.unpack(packed) for pods in self._packed.values() for packed in pods)
