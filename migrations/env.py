"""Alembic calls this file for every command; the connection comes from `storage.migrate`."""

from typing import Any, Literal

from alembic import context

from storage.models import Base, UtcDateTime


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write plain column types into migrations: a step must keep working when our own classes change."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("run migrations through storage.migrate (childface db upgrade)")

# SQLite can change a table only by replacing it (batch); its DDL is transactional here because we BEGIN ourselves.
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_item=render_item,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
