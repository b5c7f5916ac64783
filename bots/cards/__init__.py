"""Family cards, walls and numbered faces, drawn with Pillow."""
