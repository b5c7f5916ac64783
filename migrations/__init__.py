"""How the tables came to be, step by step. `storage.migrate` runs the steps.

A step is named by what it changes. Old and new program may run side by side for a while during an upgrade, so a step
only adds what the old version can ignore; what it no longer needs is dropped one release later.
"""
