"""Reports on what was trained, and their plots."""
