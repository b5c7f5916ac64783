"""Untrusted bytes in, upright RGB pixels out: decoding in a sandbox, and the NSFW check."""
