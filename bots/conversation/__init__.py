"""The conversation as a pure state machine: an event in, a new state and effects out. No I/O."""
