"""The `childface` command."""
