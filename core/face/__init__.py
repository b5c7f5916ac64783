"""Finds, aligns and analyzes faces: identity, age, sex, skin tone and image quality."""
