"""One repository per kind of row. Each returns records; queries stay inside."""
