"""Passes that run out of time: each gets further than the one before."""

from __future__ import annotations

from datetime import timedelta

from tests.exactly_once.place import Place
from tests.exactly_once.scenario import ended
from tests.worlds import at

SECONDS = 50.0


def slow(place: Place) -> list[str]:
    """A pass in which each request takes a second."""
    return place.one_pass(before=lambda *_: place.clock.go_on(1.0), timeout=SECONDS)


def test_more_refused_ats_than_a_pass_has_time_for_do_not_starve_a_good_one(place: Place) -> None:
    for number in range(60):
        place.world.apply(at(f"bad-{number}", containers=[{"name": "shell"}] * 2))
    place.world.apply(at("good", schedule="2023-05-21T02:00:01Z"))
    for _ in range(6):
        slow(place)
    assert place.world.at("good")["status"]["phase"] == "Running"


def test_more_due_ats_than_a_pass_has_time_for_all_run_once(place: Place) -> None:
    names = [f"a{number}" for number in range(60)]
    for name in names:
        place.world.apply(at(name))
    for _ in range(6):
        slow(place)
    for pod in place.world.pods():
        place.world.set_pod_status(pod["metadata"]["name"], ended(0))
    for _ in range(6):
        slow(place)
        place.clock.now += timedelta(seconds=60)
    assert {place.world.at(name)["status"]["phase"] for name in names} == {"Succeeded"}
    assert place.creations.repeated == []
