"""Which column is which field: proposals, what is settled, and what changed since."""
