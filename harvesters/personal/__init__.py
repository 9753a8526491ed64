"""Personal data in what councils send: one detector for each kind, and what is done where one finds something."""
