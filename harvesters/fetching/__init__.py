"""What the fetch stage is made of: pages, files, receipts, and the archive they end in."""
