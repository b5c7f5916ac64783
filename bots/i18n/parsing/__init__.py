"""Understands plain words in eight languages.

    text ─▶ tokens.py ─▶ vocabulary.py (lexicon/*.toml, numerals.py) ─▶ grammar.py ─▶ reader.py ─▶ intents.py
            words        what each word means                          one clause    the message   what is wished

`reader.read_intents` is the entry point. Everything here is pure: no state, no network, no chance.
"""
