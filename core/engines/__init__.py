"""What draws and looks: one interface (`core.engines.engine`) and an engine for every kind of machine."""
