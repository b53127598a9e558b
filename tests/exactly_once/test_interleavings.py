"""A pass that is held up at any point, while the world goes on without it."""

from __future__ import annotations

import pytest

from cnat.apply import FRESH_SECONDS
from tests.exactly_once.interposed import nobody
from tests.exactly_once.place import Place
from tests.worlds import at


@pytest.mark.parametrize("seconds", [FRESH_SECONDS + 1, 3600.0])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_that_ended_while_a_pass_was_held_up_does_not_start_again(
    place: Place, when: str, seconds: float
) -> None:
    number = 0
    requests = ["unknown"]
    while number < len(requests):
        number += 1
        place.world.apply(at("cnrex", ttlSecondsAfterFinished=0))

        def hold(k: int, request: str, here: int = number) -> None:
            # One instruction before the create, no time limit helps: see the README's limits.
            if k == here and (when, request) != ("before", "create_pod"):
                place.a_whole_life(seconds)

        requests = place.one_pass(*((hold, nobody) if when == "before" else (nobody, hold)))
        assert place.creations.repeated == [], f"held up {when} request {number} of {requests}"
        place.world.delete_at("cnrex")
        place.clock.go_on(100.0)
        place.one_pass()
