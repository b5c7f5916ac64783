"""One module per topic of the conversation; the router picks the handler for each event."""
