"""Persistence: rows in a database, encrypted blobs beside it, and retention rules.

Read `unit.py` first: a `Store` hands out units of work, a unit holds one repository per kind of thing.
Rows leave as frozen records (`records.py`); sessions, queries and files stay inside.
"""
