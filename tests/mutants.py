"""``python -m tests.mutants``: break each line that the promise hangs on, and see a test fail.

Every mutant is one edit of a copy of the project. The test named beside it passes on the code as
it is, and must fail on the mutant; one that doesn't has escaped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "dist")
# pytest's exit codes, https://docs.pytest.org/en/stable/reference/exit-codes.html
_PASSED, _FAILED = 0, 1
_TIMEOUT = 300.0  # Seconds for one test, which the longest takes a tenth of.

_ONCE = "tests/exactly_once"
_HELD_UP = (
    f"{_ONCE}/test_interleavings.py::test_a_run_that_ended_while_a_pass_was_held_up"
    "_does_not_start_again"
)
_CRASH_POINTS = f"{_ONCE}/test_crash_points.py"
_DISRUPTIONS = (
    f"{_ONCE}/test_disruptions.py::test_a_run_gets_another_pod_if_its_policy_covers_that_its_pod"
)
_CRASHES = f"{_CRASH_POINTS}::test_a_fault_at_one_request_of_each_kind_changes_nothing_in_the_end"


@dataclass(frozen=True)
class Mutant:
    """One thing broken.

    Attributes:
        invariant, broken: what it is about, and what is wrong now.
        module: of cnat.
        old, new: the edit; `old` is there once.
        test: a pytest node that must fail.
    """

    invariant: str
    broken: str
    module: str
    old: str
    new: str
    test: str


MUTANTS = [
    Mutant(
        "I1 never early",
        "a second early is early enough",
        "core/plan",
        "        if now < instant:\n",
        "        if (now - instant).total_seconds() < -1.0:\n",
        "tests/unit/test_plan.py::test_nothing_starts_a_microsecond_early",
    ),
    Mutant(
        "I1 never early",
        "the local clock counts, however wrong",
        "cluster/server_clock",
        "if self._high < 0.0 or self._low > TOLERANCE_SECONDS:",
        "if False:",
        f"{_ONCE}/test_clocks.py::test_nothing_starts_early_by_a_wrong_local_clock",
    ),
    Mutant(
        "I1 never early",
        "a lingering pass takes what falls due within the second",
        "engine/work_queue",
        "self._waiting[0][0].due <= now:",
        "self._waiting[0][0].due <= now + 1.0:",
        "tests/unit/test_work_queue.py::test_nothing_is_handed_out_before_its_instant",
    ),
    Mutant(
        "I2 exactly once",
        "the Pod's name differs from try to try",
        "core/pod",
        'f"{at.uid}/{rfc3339(instant)}/{attempt}"',
        'f"{at.uid}/{rfc3339(instant)}/{attempt}/{at.resource_version}"',
        "tests/contract/test_contract.py::test_a_pod_whose_status_was_never_written_is_found_again",
    ),
    Mutant(
        "I2 exactly once",
        "a Pod is created without our finalizer",
        "core/pod",
        '"finalizers": [api.FINALIZER],',
        '"finalizers": [],',
        f"{_ONCE}/test_hostile_pods.py::test_a_pod_deleted_while_pending_ends_its_run",
    ),
    Mutant(
        "I2 exactly once",
        "a recorded run is forgotten",
        "core/plan",
        "status.recorded(at, instant, now)\n",
        "None\n",
        "tests/contract/test_contract.py::test_a_cleaned_up_run_is_not_started_again",
    ),
    Mutant(
        "I2 exactly once",
        "the runs before the last are forgotten",
        "core/status",
        "tuple(each for each in at.status.ended_runs if each.instant != run.instant),",
        "(),",
        f"{_ONCE}/test_hostile_ats.py"
        "::test_a_schedule_edited_away_and_put_back_runs_no_second_time",
    ),
    Mutant(
        "I2 exactly once",
        "a Pod is created on the strength of old lists",
        "engine/tasks",
        "return boot_clock.now() - read_at <= RECENT_SECONDS",
        "return True",
        _HELD_UP,
    ),
    Mutant(
        "I2 exactly once",
        "a Pod's name may become free at once",
        "core/plan",
        "return created is None or (now - created).total_seconds() >= MIN_POD_AGE_SECONDS",
        "return True",
        _HELD_UP,
    ),
    Mutant(
        "I2 exactly once",
        "what was listed counts as read when the last page came",
        "engine/reading",
        "add_at(at, pods, self._read_at)",
        "add_at(at, pods, boot_clock.now())",
        "tests/unit/test_reconcile.py::test_what_was_listed_counts_as_old_as_the_list_of_pods",
    ),
    Mutant(
        "I2 exactly once",
        "a look at all counts as taken when the last page came",
        "engine/second_look",
        "self._listed = _Listed(read_at, ",
        "self._listed = _Listed(boot_clock.now(), ",
        "tests/unit/test_second_look.py"
        "::test_an_at_as_it_was_without_a_pod_is_confirmed_as_of_the_list_of_pods",
    ),
    Mutant(
        "I2 exactly once",
        "a look at all confirms whatever has no Pod",
        "engine/second_look",
        "hash(Row.of(at.raw)) in listed.rows and ",
        "",
        _HELD_UP,
    ),
    Mutant(
        "I2 exactly once",
        "a look at all confirms what nothing is on record of, whatever Pod is there",
        "engine/second_look",
        " and pod_name not in listed.pods",
        "",
        f"{_ONCE}/test_interleavings.py"
        "::test_a_pod_made_by_a_pass_that_was_killed_is_seen_before_another_is_made",
    ),
    Mutant(
        "I4 Pods before Ats",
        "a look at all lists the Ats first",
        "engine/second_look",
        "            pods = frozenset(chain.from_iterable(self._cluster.pod_names()))\n"
        "            rows = chain.from_iterable(self._cluster.index(self._shard))\n",
        "            rows = chain.from_iterable([*self._cluster.index(self._shard)])\n"
        "            pods = frozenset(chain.from_iterable(self._cluster.pod_names()))\n",
        "tests/unit/test_second_look.py::test_pods_are_listed_before_ats",
    ),
    Mutant(
        "I2 exactly once",
        "a second reading that took long is not looked at",
        "engine/workers",
        "            while isinstance(action, CreatePod) and not turn.is_recent:",
        "            if isinstance(action, CreatePod) and not turn.is_recent:",
        "tests/unit/test_workers.py::test_an_at_whose_second_reading_takes_long_is_read_once_more",
    ),
    Mutant(
        "I2 exactly once",
        "a foreign Pod under the name of a run is taken for its own",
        "core/pod",
        "return is_controlled(at, pod) and pod.name == name(at, instant, attempt)",
        "return pod.name == name(at, instant, attempt)",
        "tests/unit/test_actions.py::test_a_foreign_pod_under_the_name_of_the_run_is_not_the_runs",
    ),
    Mutant(
        "I2 exactly once",
        "a create is tried again however late",
        "cluster/transport",
        "within = self._deadline.at_most(CREATE_SECONDS)",
        "within = self._deadline",
        "tests/unit/test_live.py::test_a_create_is_not_sent_again_long_after_its_first_try",
    ),
    Mutant(
        "I1 never early",
        "a back-off is not waited for",
        "core/plan",
        "        if now < retry.due(run.instant, earlier):\n",
        "        if False:\n",
        "tests/contract/test_retries.py::test_a_failed_run_waits_for_its_back_off",
    ),
    Mutant(
        "I2 exactly once",
        "each attempt has the same name",
        "core/pod",
        "{rfc3339(instant)}/{attempt}",
        "{rfc3339(instant)}/1",
        "tests/contract/test_retries.py::test_then_it_gets_another_pod_whose_outcome_is_the_runs",
    ),
    Mutant(
        "I2 exactly once",
        "an attempt under way counts as recorded",
        "core/attempts",
        "if self.number <= len(record.attempts):",
        "if self.number <= len(record.attempts) + 1:",
        "tests/contract/test_retries.py::test_a_failed_run_waits_for_its_back_off",
    ),
    Mutant(
        "I2 exactly once",
        "a Pod is created on the strength of what was read before somebody wrote the At",
        "engine/rereading",
        "unwritten = fresh.at.resource_version == turn.seen.at.resource_version",
        "unwritten = True",
        f"{_ONCE}/test_interleavings.py"
        "::test_an_attempt_made_between_two_reads_is_looked_for_before_it_is_made",
    ),
    Mutant(
        "I2 exactly once",
        "a later attempt is not looked for when the instant was just now",
        "engine/actions",
        "if number > 1 or ",
        "if ",
        "tests/unit/test_actions.py::test_a_later_attempt_is_looked_for_however_recent_the_instant",
    ),
    Mutant(
        "I2 exactly once",
        "a run that has ended is taken up again",
        "core/status",
        'if run.phase == "Failed" and at.status.ended_run(instant) is None:',
        'if run.phase == "Failed":',
        "tests/unit/test_retry.py::test_a_run_that_has_ended_is_never_taken_up_again",
    ),
    Mutant(
        "I2 exactly once",
        "a record that was wiped gives names of attempts twice",
        "core/status",
        "numbers = range(len(known) + 1, attempt)",
        "numbers = range(0)",
        "tests/unit/test_retry.py"
        "::test_a_record_that_was_wiped_while_an_attempt_runs_gives_no_name_twice",
    ),
    Mutant(
        "I2 exactly once",
        "there is one Pod more than the limit",
        "core/retry",
        "if len(attempts) > limit:",
        "if len(attempts) > limit + 1:",
        "tests/contract/test_retries.py"
        "::test_a_run_that_has_no_further_pod_fails_as_its_last_one_did",
    ),
    Mutant(
        "I2 exactly once",
        "every policy covers every end",
        "core/retry",
        "if end > _COVERED[policy]:",
        "if False:",
        f"{_DISRUPTIONS}[fails]",
    ),
    Mutant(
        "I2 exactly once",
        "what was bound to a node and never heard of counts as not started",
        "core/retry",
        "if not pod.reported and (not pod.node or refused):",
        "if not pod.reported:",
        f"{_DISRUPTIONS}[is_collected_from_a_lost_node]",
    ),
    Mutant(
        "I2 exactly once",
        "what has ended without a node counts as not started",
        "core/retry",
        "if not pod.reported and (not pod.node or refused):",
        "if not pod.node or refused:",
        f"{_CRASH_POINTS}::test_without_a_fault_one_run_has_another_attempt",
    ),
    Mutant(
        "I2 exactly once",
        "a restarted kubelet's refusal proves that nothing has started",
        "core/retry",
        "return abs((pod.refused - pod.acknowledged).total_seconds()) <= _SAME_WORD_SECONDS",
        "return True",
        f"{_DISRUPTIONS}[is_refused_by_a_restarted_kubelet]",
    ),
    Mutant(
        "I2 exactly once",
        "a vanished Pod proves that nothing has started",
        "core/status",
        "retry.End.DISRUPTED, earlier, advice",
        "retry.End.NOT_STARTED, earlier, advice",
        f"{_DISRUPTIONS}[vanishes]",
    ),
    Mutant(
        "I2 exactly once",
        "a Pod that the record names, but whose name proves nothing, is not the run's",
        "core/attempts",
        "on_record.get(each.name)",
        'on_record.get("")',
        "tests/unit/test_plan.py"
        "::test_a_pod_that_an_earlier_version_named_is_followed_where_the_record_names_it",
    ),
    Mutant(
        "I3 no outcome lost",
        "a Pod is released before its outcome is recorded",
        "core/plan",
        "        if not attempt.is_recorded(seen.at.status):\n            continue\n",
        "        if not attempt.is_recorded(seen.at.status):\n"
        "            if its_pod.has_finalizer:\n"
        "                return ReleasePod(seen.at, its_pod, listed=True)\n"
        "            continue\n",
        f"{_ONCE}/test_hostile_pods.py::test_a_pod_deleted_while_running_is_waited_for",
    ),
    Mutant(
        "I3 no outcome lost",
        "what could not be written counts as recorded",
        "engine/actions",
        "        raise _conflict(error) from error\n    if not written.has_status",
        '        written = At({**action.at.raw, "status": status.document()})\n'
        "    if not written.has_status",
        "tests/unit/test_workers.py::test_a_status_that_was_not_written_releases_no_pod",
    ),
    Mutant(
        "I4 Pods before Ats",
        "Ats are listed first",
        "engine/pods",
        "    for pod in map(Pod.of, chain.from_iterable(cluster.pods())):\n",
        "    pages = [list(page) for page in cluster.index(shard)]\n"
        "    cluster.index = lambda _: iter(pages)  # type: ignore[method-assign]\n"
        "    for pod in map(Pod.of, chain.from_iterable(cluster.pods())):\n",
        f"{_ONCE}/test_interleavings.py"
        "::test_an_at_that_comes_and_starts_in_the_middle_of_a_pass_keeps_its_pod_held",
    ),
    Mutant(
        "I2 exactly once",
        "an At whose schedule was edited while it ran counts as settled when it has ended",
        "core/settled",
        "moment(row.due) != instant",
        "False",
        "tests/unit/test_settled.py::test_what_the_status_does_not_answer_is_looked_at",
    ),
    Mutant(
        "I4 Pods before Ats",
        "a Pod that isn't listed is lost, without being asked for",
        "core/plan",
        "    if run.pod_name not in seen.absent:\n        return FindPod(seen.at, run.pod_name)\n",
        "",
        "tests/unit/test_plan.py::test_a_pod_created_after_the_list_is_found_by_its_name",
    ),
    Mutant(
        "I5 converged means silent",
        "an armed At is checked and written anew on each pass",
        "core/plan",
        "    if at.has_status(armed):\n        return None\n",
        "",
        "tests/contract/test_contract.py::test_a_pass_right_after_a_pass_writes_nothing",
    ),
    Mutant(
        "I5 converged means silent",
        "a condition's transition time is always now",
        "core/status",
        "since = before.since if before and before.status == value else None",
        "since = None",
        "tests/contract/test_contract.py::test_conditions_keep_their_transition_time_while_their_status_stays",
    ),
    Mutant(
        "I6 crash anywhere",
        "a Pod that a killed pass has created is in the way",
        "engine/actions",
        "if found.at_uid == seen.at.uid and found.scheduled_time == seen.at.instant:",
        "if False:",
        "tests/unit/test_workers.py::test_a_pod_that_another_pass_created_is_adopted",
    ),
    Mutant(
        "I6 crash anywhere",
        "a pass overwrites what a newer one has recorded",
        "cluster/live",
        '{"uid": at.uid, "resourceVersion": at.resource_version}',
        '{"uid": at.uid}',
        "tests/unit/test_live.py::test_the_status_of_an_at_written_meanwhile_is_left_alone",
    ),
    Mutant(
        "I6 crash anywhere",
        "the Pods of an At that has ended are not looked at",
        "core/settled",
        "if has_pod or row.observed_generation is None",
        "if row.observed_generation is None",
        _CRASHES,
    ),
    Mutant(
        "I7 isolation",
        "what the API server refuses ends the pass",
        "engine/workers",
        "        except ClusterError as error:\n"
        "            self._recorder.refused(at.namespace, at.name, step, error)\n",
        "        except OutOfTime as error:\n"
        "            self._recorder.refused(at.namespace, at.name, step, error)\n",
        "tests/unit/test_workers.py::test_one_object_that_fails_stops_no_other",
    ),
    Mutant(
        "I7 isolation",
        "a status that can't be read ends the pass",
        "engine/workers",
        "        except Malformed as error:\n",
        "        except OutOfTime as error:\n",
        "tests/unit/test_workers.py::test_an_at_whose_status_cannot_be_read_is_a_failure_and_left_alone",
    ),
    Mutant(
        "I7 isolation",
        "a bug of ours that one At wakes ends the pass",
        "engine/workers",
        "            self._recorder.failed_unforeseen(at, step, error)\n",
        "            raise\n",
        "tests/unit/test_workers.py::test_a_bug_that_one_at_wakes_is_its_failure_and_stops_no_other",
    ),
    Mutant(
        "I7 isolation",
        "Ats that were refused before are tried before others",
        "engine/order",
        "Order(Rank.CHECK if refused else Rank.START, refused,",
        "Order(Rank.START, False,",
        f"{_ONCE}/test_progress.py"
        "::test_more_refused_ats_than_a_pass_has_time_for_do_not_starve_a_good_one",
    ),
    Mutant(
        "I2 exactly once",
        "a Pod that was deleted in its first minute is let go of, by who hasn't seen that",
        "core/plan",
        "unchanged=young",
        "unchanged=False",
        f"{_ONCE}/test_every_order.py::test_a_pod_may_be_deleted_while_three_passes_meet",
    ),
    Mutant(
        "I8 hands off",
        "our label alone makes a Pod ours",
        "core/observed_pod",
        'at_uid=str(at.get("uid", "")),',
        'at_uid=str(at.get("uid") or labels.get(AT_UID, "")),',
        f"{_ONCE}/test_hostile_pods.py::test_a_pod_without_its_owner_is_left_alone",
    ),
    Mutant(
        "I8 hands off",
        "a foreign Pod under our name is adopted",
        "engine/actions",
        "if found.at_uid == seen.at.uid and found.scheduled_time == seen.at.instant:",
        "if True:",
        f"{_ONCE}/test_hostile_admission.py"
        "::test_a_foreign_pod_under_our_name_is_neither_adopted_nor_touched",
    ),
    Mutant(
        "I8 hands off",
        "the finalizers of others are taken off too",
        "cluster/live",
        '"$deleteFromPrimitiveList/finalizers": [api.FINALIZER]',
        '"finalizers": None',
        f"{_ONCE}/test_hostile_pods.py::test_a_finalizer_that_is_not_ours_stays",
    ),
    Mutant(
        "I8 hands off",
        "another Pod that has got the name is deleted",
        "cluster/live",
        '{"uid": pod.uid, **version}',
        "{**version}",
        "tests/unit/test_live.py::test_another_pod_of_that_name_is_left_alone",
    ),
]


def main() -> int:
    """Return the exit code: 1 when a mutant escaped."""
    with tempfile.TemporaryDirectory(prefix="cnat-mutants-") as directory:
        copy = Path(directory) / "cnat"
        shutil.copytree(_ROOT, copy, ignore=_NOT_COPIED)
        if _exit_code(copy, {mutant.test for mutant in MUTANTS}) != _PASSED:
            _tell("the tests fail on the code as it is: nothing can be told from them")
            return 1
        escaped = [mutant for mutant in MUTANTS if not _caught(copy, mutant)]
    _tell(f"{len(MUTANTS) - len(escaped)} of {len(MUTANTS)} mutants caught")
    return 1 if escaped else 0


def _caught(copy: Path, mutant: Mutant) -> bool:
    path = copy / "cnat" / f"{mutant.module}.py"
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.broken}: not one such place in {path.name}: {mutant.old!r}")
    started = time.monotonic()
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    code = _exit_code(copy, [mutant.test])
    path.write_text(text, encoding="utf-8")
    verdict = "caught" if code == _FAILED else f"ESCAPED (pytest's exit code is {code})"
    took = time.monotonic() - started
    _tell(f"{mutant.invariant}: {mutant.broken}: {verdict} by {mutant.test} ({took:.0f} s)")
    return code == _FAILED


def _exit_code(copy: Path, tests: Iterable[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *sorted(tests)]
    done = subprocess.run(
        command,
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        stdout=subprocess.DEVNULL,
        timeout=_TIMEOUT,
        check=False,
    )
    return done.returncode


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
