"""Reports as the renderers get them, with something of everything."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from cnat.cli.report.model import Kind, Report, Row
from cnat.core.record import PastAttempt, Run
from cnat.engine.results import Change, Failure, Waiting
from cnat.manifests.problem import Counts, Place, Problem
from tests.support.factories import INSTANT

HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")

CREATE = Change("create pod", "team", "cnrex", "cnrex-1e0ce9ed", "", 0.1, INSTANT)
RECORD = Change("set status", "team", "cnrex", "Running", "", 0.1, INSTANT)
RUNNING = Run(INSTANT, "Running", pod_name="cnrex-1e0ce9ed")
PLACE = Place("a/at.yaml", 7, 1)
START = Row(
    Kind.START,
    "team",
    "cnrex",
    INSTANT,
    "its instant has come",
    RUNNING,
    (CREATE, RECORD),
    place=PLACE,
)
HOLD = Row(Kind.HOLD, "team", "later", INSTANT + 76 * HOUR, "waits for its instant")
WHY = "PreflightRejected: pods is forbidden: exceeded quota: compute, requested: pods=1, used: 10"
REFUSE = Row(Kind.REFUSE, "a", "bad", INSTANT + HOUR, WHY, place=Place("a/bad.yaml", 4, 3))
REFUSED = Failure("a", "bad", "start", "PreflightRejected", WHY, on_record=True)
INVALID = Problem("a/typo.yaml", "unknown field", 3, 5, "At typo", "spec.imgae")
DOUBTFUL = replace(INVALID, reason="is past", severity="warning")

RAN = Run(INSTANT - HOUR, "Failed", INSTANT - HOUR + timedelta(seconds=2), INSTANT, "x", 3)
ATTEMPT = PastAttempt("past-1", RAN.start, RAN.start, 137, "Evicted")
EARLIER = Run(INSTANT - 30 * HOUR, "Succeeded")
PAST = Row(
    Kind.PAST,
    "team",
    "past",
    RAN.instant,
    "Error: exit 3",
    RAN,
    attempts=(ATTEMPT,),
    history=(EARLIER,),
)
OVERDUE = Row(Kind.OVERDUE, "team", "late", INSTANT - HOUR, "starts at the next pass")
UPCOMING = Row(Kind.UPCOMING, "team", "next", INSTANT + HOUR, "")

# What nobody should be able to do with a text that they put into a cluster or a file.
EVIL = "\x1b]0;title\x07\x9b31m\u202e</td></script><b>|`![x](http://evil)`::error::%0A\r\n]]>&\x00"


def plan() -> Report:
    return Report(
        "plan",
        INSTANT,
        3,
        [START, HOLD, REFUSE],
        [REFUSED],
        dry_run="client",
        phases={"Running": 1, "Pending": 2},
        waiting=1,
        next=[Waiting(INSTANT + 76 * HOUR, "team", "later")],
        problems=[DOUBTFUL, INVALID],
        read=Counts(2, 3, 1),
        zone=BERLIN,
    )


def listing() -> Report:
    return Report("list", INSTANT, 3, [OVERDUE, UPCOMING, PAST], zone=BERLIN)


def hostile() -> Report:
    """A plan in which every text is EVIL."""
    run = Run(INSTANT, "Failed", pod_name=EVIL, reason=EVIL, message=EVIL)
    change = replace(CREATE, target=EVIL, detail=EVIL)
    attempt = PastAttempt(EVIL, reason=EVIL)
    place = Place(EVIL, 1, 1)
    row = Row(Kind.REFUSE, EVIL, EVIL, INSTANT, EVIL, run, (change,), (attempt,), (run,), place)
    return replace(
        plan(),
        rows=[row],
        failures=[Failure(EVIL, EVIL, EVIL, EVIL, EVIL)],
        problems=[Problem(EVIL, EVIL, 1, 1, EVIL, EVIL)],
        next=[Waiting(INSTANT + HOUR, EVIL, EVIL)],
    )
