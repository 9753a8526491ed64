"""The same thing published twice: pairs, what people decide about them, and which one is preferred."""
