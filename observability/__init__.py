"""What the program tells about itself: log lines and numbers. Imports nothing of ours; holds nothing of anybody."""
