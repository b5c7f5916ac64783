"""Runs the conversation against the database and the job queue, and delivers finished jobs."""
