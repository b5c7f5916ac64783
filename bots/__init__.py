"""Chat adapters around one chat-neutral conversation: Telegram, Discord and the terminal."""
