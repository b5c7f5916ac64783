"""What draws and looks: one interface, and an engine behind it for every kind of machine (see `core.engines.engine`)."""
