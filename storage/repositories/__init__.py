"""One repository per kind of thing. Each speaks our language and returns records; queries stay inside."""
