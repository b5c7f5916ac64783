"""The generator, the encoder and the preview head, and how their weights are loaded."""
