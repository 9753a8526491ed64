"""What the ArcGIS adapter is made of: addresses, layers, pages of rows, items of portals, catalogues of sites."""
