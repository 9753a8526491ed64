"""What was: versions, time travel, the feed of changes, and taking back."""
