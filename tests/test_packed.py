"""Values packed and unpacked."""

from __future__ import annotations

import json
import threading

from hypothesis import given
from hypothesis import strategies as st

from cnat.api import At
from cnat.packed import Packer
from cnat.plan import ReleasePod, Seen
from tests.objects import at, pod_of

MANIFESTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@given(st.lists(MANIFESTS))
def test_each_comes_out_as_it_went_in(values: list[object]) -> None:
    packer: Packer[object] = Packer()
    assert [packer.unpack(each) for each in [packer.pack(value) for value in values]] == values


def test_what_was_the_same_object_still_is() -> None:
    """Else an action's Pod wouldn't be found among those of its At."""
    its_pod = pod_of(at())
    packer: Packer[tuple[Seen, ReleasePod]] = Packer()
    seen, action = packer.unpack(packer.pack((Seen(at(), (its_pod,)), ReleasePod(its_pod))))
    assert seen.pods[0] is action.pod


def test_what_is_much_alike_takes_little() -> None:
    packer: Packer[At] = Packer()
    ats = [at(f"at-{number:04}", metadata={"uid": f"uid-{number}"}) for number in range(50)]
    size = sum(len(json.dumps(each.raw)) for each in ats)
    assert sum(len(packer.pack(each)) for each in ats) < size / 3


def test_several_threads_can_pack_the_first() -> None:
    packer: Packer[int] = Packer()
    together, packed = threading.Barrier(8), dict[int, bytes]()

    def pack(number: int) -> None:
        together.wait(60)
        packed[number] = packer.pack(number)

    threads = [threading.Thread(target=pack, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {number: packer.unpack(each) for number, each in packed.items()} == {
        number: number for number in range(8)
    }
