"""The image pipeline: photo → face → latent → child latent → image. No chat, database or queue."""
