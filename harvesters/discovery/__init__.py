"""What an address offers, and which feeds answer today."""
