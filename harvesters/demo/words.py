"""The made-up words that names in the demo city are put together from. No person and no real place is meant."""


def _split(text: str) -> tuple[str, ...]:
    return tuple(" ".join(text.split()).split(", "))


BOROUGHS = ("Ashmere", "Brackholme", "Coppergate", "Dunmoor", "Eastwold", "Ferncliffe")

STREETS = _split("""
    Alder, Amber, Anchor, Barley, Basket, Bellows, Bobbin, Bracken, Brine, Buoy, Candle, Chalk, Cinder, Clover,
    Cockle, Cooper's, Cormorant, Curlew, Dunlin, Ember, Fennel, Ferry, Flint, Furrow, Gannet, Garnet, Gorse,
    Granary, Hawser, Heron, Hopfield, Kelp, Kiln, Lantern, Larkspur, Limpet, Linnet, Marram, Mussel, Netmaker's,
    Oarsman's, Orchid, Osier, Petrel, Plover, Quern, Ropewalk, Saddler's, Saltpan, Samphire, Sandpiper, Sexton's,
    Shingle, Skein, Sorrel, Tansy, Thimble, Tidewell, Weaver's, Whelk
""")
STREET_KINDS = ("Street", "Road", "Lane", "Avenue", "Close", "Row", "Terrace", "Hill", "Parade", "Walk", "Drive", "Way")

WARDS = _split("""
    Anchorfield, Blackmere, Castle Row, Deeping Cross, Elverholt, Fallowgate, Gullhythe, Harrowmere, Ivelstoke,
    Jessamine, Kestrelby, Longshore, Marlpit, Netherquay, Old Hythe, Pennywell, Quarrydene, Ravensholt, Staithe End,
    Thornhythe, Upper Weald, Vinegarth, Wherrygate, Yewbarrow, Aldersea, Beaconholt, Crane Moor, Driftwold,
    Eelmarket, Foxhythe, Greywater, Hollinfold, Inglemoor, Keldergate, Lambsea, Millhythe, Northlade, Otterfold,
    Priorsea, Queensholt, Rushmarket, Saltersgate, Teaselby, Umberfield, Violet Bank, Westerlade, Withyholt,
    Yarnmarket
""")
"""Eight for each borough."""

PLACE_STARTS = _split("""
    Alvan, Brunk, Cressel, Dreck, Dunt, Ebber, Fosk, Grell, Hessel, Imber, Jarl, Kesk, Lorr, Murr, Nessel, Odder,
    Perr, Quill, Rusk, Skell, Snarl, Thrim, Tull, Ubber, Vess, Virr, Wox, Yarl, Yoll, Zell
""")
PLACE_ENDS = _split("""
    bury, by, combe, croft, dale, den, field, ford, gate, ham, holme, hurst, hythe, ley, lode, low, mere, ness,
    stead, stoke, sea, thorpe, thwaite, toft, ton, wade, well, wick, wold, worth
""")

TOILET_SITES = (
    "public toilets",
    "car park toilets",
    "recreation ground toilets",
    "market hall toilets",
    "bus station toilets",
    "promenade toilets",
    "park pavilion toilets",
    "cemetery lodge toilets",
)
CAFES_FIRST = ("Copper", "Salty", "Crooked", "Merry", "Blue", "Lucky", "Wandering", "Golden", "Sleepy", "Little")
CAFES_SECOND = ("Kettle", "Gull", "Teapot", "Lobster", "Anchor", "Crumpet", "Herring", "Lantern", "Puffin", "Spoon")

POLLING_VENUES = (
    "Primary School",
    "Community Centre",
    "Village Hall",
    "Church Hall",
    "Scout Hut",
    "Leisure Centre",
    "Methodist Hall",
    "Sports Pavilion",
    "Day Centre",
    "Working Men's Club",
    "Academy",
    "Allotment Hall",
)
AREA_KINDS = ("Old Town", "Village", "Square", "High Street", "Canal Side", "Park", "Quay", "Garden Suburb", "Mill")

OPENING_HOURS = (
    "24 hours",
    "Mon-Sun 08:00-18:00",
    "Mon-Sat 07:30-19:00",
    "Mon-Fri 09:00-17:00; Sat 10:00-16:00",
    "Mon-Sun 09:00-dusk",
    "Daily 06:00-22:00",
)
CATEGORIES = ("Female and Male", "Unisex", "Female", "Male")
ACCESSIBLE_CATEGORIES = ("Unisex", "Female and Male", "None")
LIBRARY_TYPES = ("LAL", "CL", "CRL", "IL")
