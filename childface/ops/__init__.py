"""Health checks, status, metrics and scheduled purges."""
