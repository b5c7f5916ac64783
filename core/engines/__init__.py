"""Rendering and analysis engines: one protocol (`core.engines.protocol`), one engine per kind of hardware."""
