"""Worker processes and threads: startup, heartbeat, recovery of lost jobs, shared resources."""
