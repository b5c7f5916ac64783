"""Encodes images and videos and marks them as AI-generated."""
