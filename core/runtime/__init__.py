"""CPU features, host limits, memory and timing, and the conversion between images and tensors."""
