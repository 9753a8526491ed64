"""How we ask servers: one guarded session, its budgets, and what an answer means."""
