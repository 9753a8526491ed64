"""How rows come to have a place: reading what a file says, whichever way it says it, and checking it against the city.
The stage that uses it is `harvesters/place.py`; finding which columns say it is `harvesters/locate.py`."""
