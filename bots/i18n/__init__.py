"""Languages: what people type."""
