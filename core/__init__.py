"""The picture pipeline: photo → face → latent → child latent → picture. No chat, no database, no queue."""
