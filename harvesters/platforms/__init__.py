"""What adapters know of their platforms beyond the three functions of the contract."""
