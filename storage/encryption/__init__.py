"""How blobs and columns are encrypted: keys, their rotation, and what a ciphertext is bound to."""
