"""Latents in W+: inheritance, age editing, attribute edits, refinement and correction."""
