"""The demo city: a small made-up city with six councils, their files with real-life flaws, and their web server, so
that Citywide can be tried, tested and measured without a network."""
