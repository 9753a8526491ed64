"""Catalogues of datasets: what their records are, whatever language they are written in."""
