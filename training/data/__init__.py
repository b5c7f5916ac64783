"""Training data: drawn pairs, aligned photos, augmentation and measurements."""
