"""The command line, the settings and the place where everything is wired together."""
