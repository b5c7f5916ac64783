"""Renders for several people at once on a GPU: eight faces take hardly longer than one.

A process is handed one message at a time. Before it draws what that one asks for, it looks who else waits for a
drawing (the row is the truth) and draws for them as well, each on a thread of its own, where the engine brings their
faces together (`core/engines/batching.py`). Their messages come later and find them drawn. What goes wrong with one
job is written into its row, and goes no further; what takes the process down costs each of them an attempt.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from observability.logs import get_logger
from tasks.context import TaskContext
from tasks.jobs.child import make_child
from tasks.jobs.job_runner import TRANSIENT_ERRORS, RetryAfter

log = get_logger(__name__)


def make_children(context: TaskContext, job_id: str) -> RetryAfter | None:
    """Like `make_child`, and beside it at most `config.together - 1` other people's drawings that wait."""
    others = _others(context, job_id)
    if not others:
        return make_child(context, job_id)
    with ThreadPoolExecutor(len(others), thread_name_prefix="together") as beside:
        for other in others:
            # What is to be done again about one of them, its own message will do.
            beside.submit(make_child, context, other)
        return make_child(context, job_id)


def _others(context: TaskContext, job_id: str) -> list[str]:
    """Jobs to render along; none for a refinement, which nobody waits for."""
    if context.config.together < 2:
        return []
    try:
        with context.store.read_only() as unit:
            (job,) = unit.jobs.some([job_id]).values()
            # One that is drawn already, or by somebody else, leaves this process to the next message.
            wanted = job.quality == "fast" and job.state == "queued"
            return unit.jobs.waiting_beside(job_id, context.config.together - 1) if wanted else []
    except (*TRANSIENT_ERRORS, ValueError) as fault:  # the one job will meet a fault that lasts, or is gone
        log.info("nobody is taken along", fault=type(fault).__name__)
        return []
