"""The work that the queue hands out: load a job, call `core`, store the answer, mark it done."""
