"""A loggable summary of an error: its type and location, never its message.

The message of a foreign exception may quote what it was given (a caption, a token in an address, a row of a table),
so it is left out.
"""

from __future__ import annotations

import traceback


def frames_of(fault: BaseException) -> str:
    """The places in the code, from the outermost to the innermost, causes included."""
    told = []
    seen: BaseException | None = fault
    while seen is not None:
        places = traceback.extract_tb(seen.__traceback__)
        told.append(type(seen).__name__)
        told += [f"  {place.filename}:{place.lineno} in {place.name}" for place in places]
        seen = seen.__cause__
    return "\n".join(told)


def fields_of(fault: BaseException) -> dict[str, str]:
    """The same as fields of a line."""
    return {"fault": type(fault).__name__, "where": frames_of(fault)}
