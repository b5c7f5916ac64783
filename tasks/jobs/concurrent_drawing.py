"""Drawings of several people at once, for a process with a GPU: eight faces take it hardly longer than one.

A process is handed one message at a time. Before it draws what that one asks for, it looks who else waits for a
drawing (the row is the truth) and draws for them as well, each on a thread of its own, where the engine brings their
faces together (`core/engines/batching.py`). Their messages come later and find them drawn. What goes wrong with one
job is written into its row, and goes no further; what takes the process down costs each of them an attempt.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from observability.logs import get_logger
from tasks.context import Workshop
from tasks.jobs.child import make_child
from tasks.jobs.job_runner import PASSING, Again

log = get_logger(__name__)


def make_children(workshop: Workshop, job_id: str) -> Again | None:
    """Like `make_child`, and beside it at most `config.together - 1` other people's drawings that wait."""
    others = _others(workshop, job_id)
    if not others:
        return make_child(workshop, job_id)
    with ThreadPoolExecutor(len(others), thread_name_prefix="together") as beside:
        for other in others:
            # What is to be done again about one of them, its own message will do.
            beside.submit(make_child, workshop, other)
        return make_child(workshop, job_id)


def _others(workshop: Workshop, job_id: str) -> list[str]:
    """Whom to take along: nobody with a refinement, for which nobody waits."""
    if workshop.config.together < 2:
        return []
    try:
        with workshop.store.view() as unit:
            (job,) = unit.jobs.some([job_id]).values()
            # One that is drawn already, or by somebody else, leaves this process to the next message.
            wanted = job.quality == "fast" and job.state == "queued"
            return unit.jobs.waiting_beside(job_id, workshop.config.together - 1) if wanted else []
    except (*PASSING, ValueError) as fault:  # the one job will meet a fault that lasts, or is gone
        log.info("nobody is taken along", fault=type(fault).__name__)
        return []
