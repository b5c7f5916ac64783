"""The work behind each Celery task, as plain functions."""
