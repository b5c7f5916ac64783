"""What the chat adapters share."""
