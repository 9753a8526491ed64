"""Writing what changed: a feed's slice against what stands, and knowing its features again."""
