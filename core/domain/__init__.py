"""What a child, its genes and its code are, and every error of the pipeline.

Needs no torch: every package may import it.
"""
