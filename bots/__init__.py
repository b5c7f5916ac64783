"""Chat adapters: one chat-neutral conversation, and thin translators for Telegram and the terminal."""
