"""How every shipped weight was made: data sets, encoder, preview head, age model."""
