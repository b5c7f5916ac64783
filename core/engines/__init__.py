"""What draws and looks: one interface (`core.engines.protocol`) and an engine for every kind of machine."""
