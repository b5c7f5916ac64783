"""What ChildFace keeps: rows in a database, encrypted bytes beside it, and the rules by which both are deleted.

Read `unit.py` first: a `Store` hands out units of work, a unit holds one repository per kind of thing.
Rows leave as frozen records (`records.py`); sessions, queries and files stay inside.
"""
