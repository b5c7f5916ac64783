"""Queue tasks: load a job, call `core`, store the result, mark the job done."""
