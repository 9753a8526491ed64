"""The labelled set: which column of which real file is which field, and how often a proposal gets it right."""
