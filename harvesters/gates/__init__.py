"""What opens a gate, and what a harvest is expected to be."""
