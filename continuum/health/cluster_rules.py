"""Findings about workers, and about runs that do not go on."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from continuum.health.report import Facts, Finding, Limits, Severity
from continuum.health.wording import ago, lasting, many, seconds_since
from continuum.model import Pause
from continuum.store.health import NodeFact, WaitingFact

_START_WORKER = "continuum worker --app MODULE"


def worker_findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """Nobody works, somebody died, or would die unnoticed."""
    cluster = facts.cluster
    if cluster is None:
        return
    alive = [node for node in cluster.nodes if node.alive]
    wanted = sum(each.wanted for each in facts.waiting or ())
    live = cluster.runs.get("running", 0) + cluster.runs.get("suspended", 0)
    if not alive and (wanted or live):
        text = f"no worker is alive, and {live} runs have not ended ({many(wanted)} wait for one)"
        yield Finding(Severity.ERROR, "no-worker", text, _START_WORKER)
    if cluster.orphaned:
        severity = Severity.WARNING if alive else Severity.ERROR
        text = f"{many(cluster.orphaned)} runs are owned by workers that are dead"
        if alive:
            text += "; a living one frees them within seconds"
        yield Finding(severity, "orphaned-runs", text, "continuum nodes")
    for node in cluster.nodes:
        if node.dead_at is not None:
            age = seconds_since(node.dead_at, cluster.now)
            if age <= limits.worker_died:
                text = f"worker {_named(node)} died {ago(age)}; others have taken its runs"
                yield Finding(Severity.WARNING, "worker-died", text, "continuum nodes")
        elif not node.alive:
            silent = lasting(seconds_since(node.heartbeat_at, cluster.now))
            text = f"worker {_named(node)} has been silent for {silent}, and nobody took its runs"
            yield Finding(Severity.ERROR, "worker-silent", text, _START_WORKER)
        elif not node.judged_by_lock:
            text = f"the session lock of worker {_named(node)} is not visible (a pooler?): if it "
            text += "dies its runs move after its TTL, not at once"
            yield Finding(Severity.WARNING, "worker-unlocked", text, "continuum doctor")


def waiting_findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """Runs wait for a worker that is too slow, or that there is not."""
    cluster = facts.cluster
    if cluster is None or not any(node.alive for node in cluster.nodes):
        return  # worker_findings says so
    for each in facts.waiting or ():
        if not each.loaded:
            yield _not_loaded(each)
        elif each.wanted and each.since is not None:
            lag = seconds_since(each.since, cluster.now)
            if lag > limits.wake_lag:
                text = f"{many(each.wanted)} runs of {each.workflow} wait for a worker, the first "
                text += f"for {lasting(lag)}: the workers are too few, too busy or draining"
                yield Finding(Severity.ERROR, "wake-lag", text, _START_WORKER, (each.sample,))


def wake_lag_of(facts: Facts) -> float | None:
    """Seconds that a run waits for a worker that can run it, at most; None when none waits."""
    if facts.cluster is None:
        return None
    now = facts.cluster.now
    waits = [
        seconds_since(each.since, now)
        for each in facts.waiting or ()
        if each.loaded and each.wanted and each.since is not None
    ]
    return max(waits, default=None)


def parked_findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """Runs that stand still until somebody acts."""
    for each in facts.parked or ():
        first = each.sample[0]
        if each.reason == "drift":
            text = f"{many(each.runs)} runs of {each.workflow} are parked: "
            if "cannot open " in (each.why or ""):
                text += "a worker's codec could not open all of them; give workers the right one"
            else:
                text += "their code issued other commands than they recorded; deploy code that fits"
            yield Finding(
                Severity.ERROR, "drift", f"{text} ({each.why})",
                f"continuum show {first} --history", tuple(each.sample),
            )  # fmt: skip
        else:
            text = f"{many(each.runs)} runs of {each.workflow} are in quarantine: {each.why}"
            yield Finding(
                Severity.ERROR, "quarantine", text, f"continuum release {first}",
                tuple(each.sample),
            )  # fmt: skip


def queue_findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """Queues that nobody serves, or not fast enough."""
    cluster = facts.cluster
    if cluster is None:
        return
    paused = {pause.queue for pause in facts.paused.scopes} if facts.paused is not None else ()
    for each in facts.queues or ():
        if each.head_at is None or each.queue in paused:
            continue
        age = seconds_since(each.head_at, cluster.now)
        text = f"queue {each.queue}: {many(each.waiting)} attempts wait, "
        text += f"the first for {lasting(age)}"
        fix = f"continuum worker --app MODULE --queues {each.queue}"
        if not each.workers:
            text += ", and no living worker serves it"
            yield Finding(Severity.ERROR, "queue-unserved", text, fix)
        elif age > limits.queue_wait:
            text += f"; {each.workers} workers serve it, {many(each.running)} attempts are running"
            yield Finding(Severity.WARNING, "queue-waiting", text, fix)


def pause_findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """What stands still because somebody said so, lest it be forgotten."""
    cluster, paused = facts.cluster, facts.paused
    if cluster is None or paused is None:
        return
    for each in paused.scopes:
        options = scope_options(each)
        since = ago(seconds_since(each.paused_at, cluster.now))
        text = f"{_scope_named(each)} was paused {since} by {each.operator}"
        text += f": {each.reason}" if each.reason else ""
        yield Finding(Severity.INFO, "paused", text, f"continuum resume {options}")
    if paused.runs:
        text = f"{many(paused.runs)} runs are paused one by one"
        yield Finding(Severity.INFO, "runs-paused", text, 'continuum query -A "paused"')


def scope_options(pause: Pause) -> str:
    """What `continuum pause` was given for it."""
    if pause.queue is not None:
        return f"--queue {shlex.quote(pause.queue)}"
    where = "" if pause.namespace is None else f" --namespace {shlex.quote(pause.namespace)}"
    if pause.workflow is None:
        return f"--whole-namespace{where}"
    return f"--workflow {shlex.quote(pause.workflow)}{where}"


def _scope_named(pause: Pause) -> str:
    if pause.queue is not None:
        return f"queue {pause.queue}"
    where = "" if pause.namespace is None else f" in namespace {pause.namespace}"
    return (
        f"namespace {pause.namespace}"
        if pause.workflow is None
        else f"workflow {pause.workflow}{where}"
    )


def inbox_findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """Messages that nobody reads."""
    cluster, inbox = facts.cluster, facts.inbox
    if cluster is None or inbox is None or inbox.oldest_at is None or inbox.sample is None:
        return
    age = seconds_since(inbox.oldest_at, cluster.now)
    if age > limits.inbox_wait:
        text = f"{many(inbox.unread)} messages are unread, the oldest for {lasting(age)}"
        yield Finding(
            Severity.WARNING, "inbox-unread", text, f"continuum show {inbox.sample}",
            (inbox.sample,),
        )  # fmt: skip


def _not_loaded(each: WaitingFact) -> Finding:
    version = f" (version hash {each.version_hash[:12]})" if each.version_hash else ""
    fix = 'continuum query -A "stuck = true"'
    if each.wanted:
        text = f"{many(each.wanted)} runs of {each.workflow}{version} wait for a worker, and no "
        text += "living one can run them: start one with the code that they began with"
        return Finding(Severity.ERROR, "version-not-loaded", text, fix, (each.sample,))
    text = f"{many(each.later)} runs of {each.workflow}{version} have timers ahead, and no living "
    text += "worker can run them when these are due"
    return Finding(Severity.WARNING, "version-not-loaded", text, fix, (each.sample,))


def _named(node: NodeFact) -> str:
    return f"{node.id} ({node.host}, process {node.pid})"
