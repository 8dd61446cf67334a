"""Functions as machine code: made once, kept, and called."""
