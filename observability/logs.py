"""Log lines with fields: `log.info("answered", code="no_face")`.

They are ordinary records of `logging`, so pytest, Celery and everybody else's handlers understand them; structlog only
carries the fields. `childface.logging_setup` decides how a line looks and what must not be in it. Fields that are
bound with `about` stand on every line of the block, those of libraries included, in this thread and in tasks begun
from it.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager

import structlog
from structlog.contextvars import merge_contextvars
from structlog.stdlib import BoundLogger, filter_by_level, render_to_log_kwargs

FIELDS = (
    "job", "kind", "quality", "queue", "code", "attempts", "seconds", "count", "fault", "where", "error", "port",
    "event_name", "service", "worker",
)  # fmt: skip
"""The only fields that are written: what a library adds to its lines may be anybody's."""


def get_logger(name: str) -> BoundLogger:
    """The logger of a module. Nothing is set up: until somebody does, Python's own rules for unheard lines hold."""
    wrapped: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[filter_by_level, merge_contextvars, render_to_log_kwargs],
        wrapper_class=BoundLogger,
    )
    return wrapped


def about(*, job: str) -> AbstractContextManager[None]:
    """Every line of this block is about this job."""
    return structlog.contextvars.bound_contextvars(job=job)
