"""A file that follows a layer's standard to the letter maps surely and completely, with nobody's help: each column of
the standard's own header becomes the field it should, every value fits, and columns that tell of people stay out."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
import shapely

from datasets.city import City, Council
from datasets.issues import all_issues
from datasets.layer import LayerField, find_layer, layers
from datasets.store.feeds import save_feed
from datasets.vocabulary import FieldType
from harvesters.batch import Opened
from harvesters.columns.mapping import SURE
from harvesters.columns.never_taken import without_people
from harvesters.map import apply, check_is_sure, propose
from harvesters.run import Tools
from harvesters.screen import screen
from harvesters.surroundings import Surroundings
from harvesters.type import type_values
from tests.builders import ASHMERE, EAST, NORTH, Desk, counts, feed_of, table

ROWS = 30
COUNCIL = Council(gss=ASHMERE, name="Ashmere")
CITY = City(title="Mere", description="", extent=(1.6, 53.4, 2.0, 53.6), boundary_source="", council=(COUNCIL,))
NOTHING = pl.DataFrame(schema={"code": pl.String, "lon": pl.Float64, "lat": pl.Float64})
AROUND = Surroundings(CITY, COUNCIL, shapely.box(1.6, 53.4, 2.0, 53.6), lambda codes: NOTHING, lambda codes: NOTHING)

PLACES = {"GeoX": "x", "GeoY": "y", "X": "x", "Y": "y", "Easting": "x", "Northing": "y", "easting": "x",
          "northing": "y", "Longitude": "lon", "Latitude": "lat", "@Longitude": "lon", "@Latitude": "lat",
          "longitude": "lon", "latitude": "lat", "geometry": "wkt", "point": "wkt"}  # fmt: skip

LGA_PREMISES = (
    "ExtractDate,OrganisationURI,OrganisationLabel,CaseReference,CaseDate,ServiceTypeURI,ServiceTypeLabel,PremisesName,"
    "LocationText,Postcode,EntertainmentTypeURI,EntertainmentTypeLabel,LateNightRefreshment,AlcoholSupply,OpeningHours,"
    "LicenceHolder,LicenceHolderAddress,LicenceHolderPostcode,ApplicantTypeURI,ApplicantTypeLabel,"
    "DesignatedPremisesSupervisor,SupervisorLicenceNo,SupervisorAddress,SupervisorPostcode,StatusURI,StatusLabel,"
    "LicenceStartDate,LicenceEndDate,OnPremisesAlcoholSale,OffPremisesAlcoholSale,Conditions,DecisionDate,DecidedBy,"
    "LicenceURL,UPRN"
)
PERSONAL = [
    *("LicenceHolder", "LicenceHolderAddress", "LicenceHolderPostcode", "ApplicantTypeURI", "ApplicantTypeLabel"),
    *("DesignatedPremisesSupervisor", "SupervisorLicenceNo", "SupervisorAddress", "SupervisorPostcode", "DecidedBy"),
]

WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

STANDARDS: Mapping[str, tuple[str, Mapping[str, str | tuple[str, ...]]]] = {
    "conservation-areas": (
        "reference,name,designation-date,document-url,documentation-url,notes,organisation,entry-date,start-date,"
        "end-date,geometry",
        {"reference": "reference", "name": "name", "designation_date": "designation-date", "notes": "notes",
         "document_url": "document-url", "documentation_url": "documentation-url", "entry_date": "entry-date",
         "start_date": "start-date", "end_date": "end-date"},
    ),
    "article-4-areas": (
        "reference,name,article-4-direction,permitted-development-rights,uprns,address-texts,geometry,notes,"
        "organisation,entry-date,start-date,end-date",
        {"reference": "reference", "name": "name", "article_4_direction": "article-4-direction", "notes": "notes",
         "permitted_development_rights": "permitted-development-rights", "uprns": "uprns", "address": "address-texts",
         "entry_date": "entry-date", "start_date": "start-date", "end_date": "end-date"},
    ),
    "tree-preservation-orders": (
        "reference,name,document-url,documentation-url,notes,made-date,confirmed-date,organisation,entry-date,"
        "start-date,end-date,geometry",
        {"reference": "reference", "name": "name", "document_url": "document-url", "notes": "notes",
         "documentation_url": "documentation-url", "made_date": "made-date", "confirmed_date": "confirmed-date",
         "entry_date": "entry-date", "start_date": "start-date", "end_date": "end-date"},
    ),
    "tree-preservation-zones": (
        "reference,name,tree-preservation-order,tree-preservation-zone-type,tree-species-list,geometry,notes,"
        "organisation,entry-date,start-date,end-date",
        {"reference": "reference", "name": "name", "tree_preservation_order": "tree-preservation-order",
         "zone_type": "tree-preservation-zone-type", "tree_species": "tree-species-list", "notes": "notes",
         "entry_date": "entry-date", "start_date": "start-date", "end_date": "end-date"},
    ),
    "protected-trees": (
        "reference,name,point,tree-preservation-order,uprn,address-text,tree-species,notes,felled-date,organisation,"
        "entry-date,start-date,end-date",
        {"reference": "reference", "name": "name", "tree_preservation_order": "tree-preservation-order", "uprn": "uprn",
         "address": "address-text", "species": "tree-species", "notes": "notes", "felled_date": "felled-date",
         "entry_date": "entry-date", "start_date": "start-date", "end_date": "end-date"},
    ),
    "brownfield-land": (
        "OrganisationURI,OrganisationLabel,SiteReference,PreviouslyPartOf,SiteNameAddress,SiteplanURL,"
        "CoordinateReferenceSystem,GeoX,GeoY,Hectares,OwnershipStatus,Deliverable,PlanningStatus,PermissionType,"
        "PermissionDate,PlanningHistory,DevelopmentDescription,NonHousingDevelopment,Part2,NetDwellingsRangeFrom,"
        "NetDwellingsRangeTo,HazardousSubstances,Notes,FirstAddedDate,LastUpdatedDate,EndDate",
        {"reference": "SiteReference", "previously_part_of": "PreviouslyPartOf", "name": "SiteNameAddress",
         "documentation_url": "SiteplanURL", "hectares": "Hectares", "ownership_status": "OwnershipStatus",
         "deliverable": "Deliverable", "planning_status": "PlanningStatus", "permission_type": "PermissionType",
         "permission_date": "PermissionDate", "planning_history": "PlanningHistory",
         "development": "DevelopmentDescription", "other_development": "NonHousingDevelopment", "part_2": "Part2",
         "net_dwellings_from": "NetDwellingsRangeFrom", "net_dwellings_to": "NetDwellingsRangeTo",
         "hazardous_substances": "HazardousSubstances", "notes": "Notes", "start_date": "FirstAddedDate",
         "entry_date": "LastUpdatedDate", "end_date": "EndDate"},
    ),
    "public-toilets": (
        "ExtractDate,OrganisationURI,OrganisationLabel,ServiceTypeURI,ServiceTypeLabel,LocationText,"
        "CoordinateReferenceSystem,GeoX,GeoY,GeoPointLicensingURL,Category,AccessibleCategory,RADARKeyNeeded,"
        "BabyChange,FamilyToilet,ChangingPlace,AutomaticPublicConvenience,FullTimeStaffing,PartOfCommunityScheme,"
        "CommunitySchemeName,ChargeAmount,InfoURL,OpeningHours,ManagedBy,ReportEmail,ReportTel,Notes,UPRN,Postcode,"
        "StreetAddress,GeoAreaURI,GeoAreaLabel",
        {"name": "LocationText", "category": "Category", "accessible_category": "AccessibleCategory",
         "radar_key_needed": "RADARKeyNeeded", "baby_change": "BabyChange", "family_toilet": "FamilyToilet",
         "changing_place": "ChangingPlace", "automatic": "AutomaticPublicConvenience", "staffed": "FullTimeStaffing",
         "community_scheme": "PartOfCommunityScheme", "community_scheme_name": "CommunitySchemeName",
         "charge": "ChargeAmount", "documentation_url": "InfoURL", "opening_hours": "OpeningHours",
         "managed_by": "ManagedBy", "report_email": "ReportEmail", "report_tel": "ReportTel", "notes": "Notes",
         "uprn": "UPRN", "postcode": "Postcode", "address": "StreetAddress"},
    ),
    "libraries": (
        "Local authority,Library name,Address 1,Address 2,Address 3,Postcode,Unique property reference number,"
        "Statutory,Type of library,Year opened,Year closed," + ",".join(f"{day} staffed hours" for day in WEEK) + ","
        + ",".join(f"{day} unstaffed hours" for day in WEEK)
        + ",Special hours,Co-located,Co-located with,Notes,URL,Email address,Longitude,Latitude",
        {"name": "Library name", "address": ("Address 1", "Address 2", "Address 3"), "postcode": "Postcode",
         "uprn": "Unique property reference number", "statutory": "Statutory", "library_type": "Type of library",
         "year_opened": "Year opened", "year_closed": "Year closed",
         "opening_hours": tuple(f"{day} staffed hours" for day in WEEK),
         "unstaffed_hours": tuple(f"{day} unstaffed hours" for day in WEEK), "co_located": "Co-located",
         "co_located_with": "Co-located with", "notes": "Notes", "documentation_url": "URL", "email": "Email address"},
    ),
    "mobile-library-stops": (
        "Organisation,Mobile name,Route,Community,Stop,Address,Postcode,GeoX,GeoY,Day,Arrival,Departure,Frequency,"
        "Start,End,Timetable",
        {"mobile": "Mobile name", "route": "Route", "community": "Community", "name": "Stop", "address": "Address",
         "postcode": "Postcode", "day": "Day", "arrival": "Arrival", "departure": "Departure",
         "frequency": "Frequency", "start_date": "Start", "end_date": "End", "documentation_url": "Timetable"},
    ),
    "listed-building-outlines": (
        "reference,name,listed-building,listed-building-grade,geometry,document-url,notes,organisation,entry-date,"
        "start-date,end-date",
        {"reference": "reference", "name": "name", "list_entry": "listed-building", "grade": "listed-building-grade",
         "document_url": "document-url", "notes": "notes", "entry_date": "entry-date", "start_date": "start-date",
         "end_date": "end-date"},
    ),
    "street-trees": (
        "gla_tree_name,borough,species_name,common_name,display_name_2,age_group,height_m,spread_m,"
        "diameter_at_breast_height_cm,condition,maintainer,easting,northing",
        {"name": "gla_tree_name", "species": "species_name", "common_name": "common_name", "age_class": "age_group",
         "height": "height_m", "spread": "spread_m", "trunk_diameter": "diameter_at_breast_height_cm",
         "condition": "condition", "owner": "maintainer"},
    ),
    "polling-stations": (
        "internal_council_id,name,address,postcode,uprn,polling_district,election_date,easting,northing",
        {"name": "name", "address": "address", "postcode": "postcode", "uprn": "uprn", "districts": "polling_district",
         "election_date": "election_date"},
    ),
    "polling-districts": (
        "internal_council_id,name,polling_station_id,geometry",
        {"reference": "internal_council_id", "name": "name", "polling_station_reference": "polling_station_id"},
    ),
    "ev-chargepoints": (
        "id,name,operator,address,city,postal_code,longitude,latitude,parking_type,standard,power_type,"
        "max_electric_power,status,opening_times,twentyfourseven,last_updated",
        {"reference": "id", "name": "name", "operator": "operator", "address": "address", "postcode": "postal_code",
         "access": "parking_type", "connector_type": "standard", "current_type": "power_type",
         "power_kw": "max_electric_power", "status": "status", "opening_hours": "opening_times",
         "always_open": "twentyfourseven", "entry_date": "last_updated"},
    ),
    "air-quality-sites": (
        "@LocalAuthorityCode,@LocalAuthorityName,@SiteCode,@SiteName,@SiteType,@DateClosed,@DateOpened,@Latitude,"
        "@Longitude,@DataOwner,@DataManager,@SiteLink",
        {"site_code": "@SiteCode", "name": "@SiteName", "site_type": "@SiteType", "end_date": "@DateClosed",
         "start_date": "@DateOpened", "owner": "@DataOwner", "documentation_url": "@SiteLink"},
    ),
    "licensed-premises": (
        LGA_PREMISES + ",X,Y",
        {"reference": "CaseReference", "issued_date": "CaseDate", "licence_type": "ServiceTypeLabel",
         "name": "PremisesName", "address": "LocationText", "postcode": "Postcode",
         "entertainment": "EntertainmentTypeLabel", "late_night_refreshment": "LateNightRefreshment",
         "alcohol": "AlcoholSupply", "opening_hours": "OpeningHours", "status": "StatusLabel",
         "start_date": "LicenceStartDate", "end_date": "LicenceEndDate",
         "alcohol_on_premises": "OnPremisesAlcoholSale", "alcohol_off_premises": "OffPremisesAlcoholSale",
         "conditions": "Conditions", "decision_date": "DecisionDate", "documentation_url": "LicenceURL",
         "uprn": "UPRN"},
    ),
    "recycling-sites": (
        "Site name,Address,Postcode,Easting,Northing,Glass,Paper,Cardboard,Cans,Plastic bottles,Textiles,Shoes,Books,"
        "Batteries,Small electricals,Opening hours",
        {"name": "Site name", "address": "Address", "postcode": "Postcode", "glass": "Glass", "paper": "Paper",
         "cardboard": "Cardboard", "cans": "Cans", "plastic": "Plastic bottles", "textiles": "Textiles",
         "shoes": "Shoes", "books": "Books", "batteries": "Batteries", "small_electricals": "Small electricals",
         "opening_hours": "Opening hours"},
    ),
    "parks-and-green-spaces": (
        "id,function,distName1,geometry",
        {"reference": "id", "space_type": "function", "name": "distName1"},
    ),
    "schools": (
        "URN,LA (code),LA (name),EstablishmentNumber,EstablishmentName,EstablishmentTypeGroup (name),"
        "EstablishmentStatus (name),OpenDate,CloseDate,PhaseOfEducation (name),StatutoryLowAge,StatutoryHighAge,"
        "OfficialSixthForm (name),Gender (name),ReligiousCharacter (name),SchoolCapacity,Trusts (name),LastChangedDate,"
        "Street,Locality,Address3,Town,County (name),Postcode,SchoolWebsite,TelephoneNum,HeadTitle (name),"
        "HeadFirstName,HeadLastName,HeadPreferredJobTitle,Easting,Northing,UPRN",
        {"urn": "URN", "establishment_number": "EstablishmentNumber", "name": "EstablishmentName",
         "school_type": "EstablishmentTypeGroup (name)", "status": "EstablishmentStatus (name)",
         "start_date": "OpenDate", "end_date": "CloseDate", "phase": "PhaseOfEducation (name)",
         "lowest_age": "StatutoryLowAge", "highest_age": "StatutoryHighAge",
         "sixth_form": "OfficialSixthForm (name)", "gender": "Gender (name)",
         "religion": "ReligiousCharacter (name)", "capacity": "SchoolCapacity", "trust": "Trusts (name)",
         "entry_date": "LastChangedDate", "address": ("Street", "Locality", "Address3", "Town", "County (name)"),
         "postcode": "Postcode", "documentation_url": "SchoolWebsite", "telephone": "TelephoneNum", "uprn": "UPRN"},
    ),
    "grit-bins": (
        "asset_id,asset_type,street,location,ward,usrn,owner,last filled,easting,northing",
        {"reference": "asset_id", "bin_type": "asset_type", "street": "street", "address": "location", "ward": "ward",
         "usrn": "usrn", "owner": "owner", "filled_date": "last filled"},
    ),
}  # fmt: skip
"""By layer: the standard's header, and which of its columns each field comes from. All others are not used."""


@pytest.mark.parametrize("layer_id", sorted(layers()))
def test_a_file_that_follows_the_standard_maps_surely_and_completely(layer_id: str) -> None:
    _, expected = STANDARDS[layer_id]
    layer = find_layer(layer_id)
    opened, _ = without_people(screen(conforming(layer_id)), layer)
    mapping = propose(feed_of(layer=layer_id), layer, opened, AROUND)
    check_is_sure(mapping, layer, opened)
    found = {one.field: one.rule.sources for one in mapping.fields if one.confidence >= SURE}
    assert found == {field: (one,) if isinstance(one, str) else one for field, one in expected.items()}
    assert mapping.unsure == ()


@pytest.mark.parametrize("layer_id", sorted(layers()))
def test_every_value_of_a_file_that_follows_the_standard_fits(layer_id: str) -> None:
    layer = find_layer(layer_id)
    opened, _ = without_people(screen(conforming(layer_id)), layer)
    batch, _ = apply(propose(feed_of(layer=layer_id), layer, opened, AROUND), opened)
    typed, issues = type_values(batch, layer)
    assert {field: typed.frame[field].null_count() for field in STANDARDS[layer_id][1]} == dict.fromkeys(
        STANDARDS[layer_id][1], 0
    )
    found = all_issues(issues)
    assert set(found["action"]) - {"fixed"} == set() if found.height else True


@pytest.mark.parametrize("column", PERSONAL)
@pytest.mark.parametrize("given", ["all of the standard", "nothing that is better"])
def test_no_column_of_people_is_mapped_in_any_file_of_licences(column: str, given: str) -> None:
    layer = find_layer("licensed-premises")
    names = [column, "X", "Y"] if given == "nothing that is better" else STANDARDS[layer.id][0].split(",")
    opened, _ = without_people(screen(file_of("licensed-premises", names)), layer)
    mapping = propose(feed_of(layer=layer.id), layer, opened, AROUND)
    assert column not in opened.columns and column not in mapping.unmapped
    assert not [one for one in (*mapping.fields, *mapping.unsure) if column in one.rule.sources]


def test_a_feed_cannot_state_a_column_of_people_either(tools: Tools, tmp_path: Path) -> None:
    feed = feed_of(layer="licensed-premises", mapping={"notes": {"column": "LicenceHolder"}})
    save_feed(tools.engine, feed)
    report = Desk(tools, tmp_path, feed).harvest(as_csv(conforming("licensed-premises")))
    assert report.outcome == "held" and "'LicenceHolder'" in str(report.message)


def test_a_harvest_of_licences_takes_nothing_of_people_and_no_single_events(tools: Tools, tmp_path: Path) -> None:
    feed = feed_of(layer="licensed-premises")
    save_feed(tools.engine, feed)
    opened = conforming("licensed-premises")
    events = pl.Series(["Temporary event notice"] * 2 + ["Premises licence"] * (ROWS - 2))
    opened = Opened("CSV", opened.records.with_columns(ServiceTypeLabel=events), ROWS, [])
    desk = Desk(tools, tmp_path, feed)
    report = desk.harvest(as_csv(opened))
    assert report.outcome == "published" and counts(report)["patch"] >= 1
    rows = desk.rows()
    assert len(rows) == ROWS - 2 and {row["licence_type"] for row in rows} == {"premises licence"}
    assert "Zebedee Quill" not in str(rows) and counts(report)["personal-column-dropped"] >= len(PERSONAL)


def conforming(layer_id: str) -> Opened:
    """A file of the standard's header with invented values."""
    return file_of(layer_id, STANDARDS[layer_id][0].split(","))


def file_of(layer_id: str, columns: list[str]) -> Opened:
    expected = STANDARDS[layer_id][1]
    fields = {
        column: find_layer(layer_id).fields[name]
        for name, found in expected.items()
        for column in ((found,) if isinstance(found, str) else found)
    }
    return table({column: [invented(column, fields.get(column), row) for row in range(ROWS)] for column in columns})


def as_csv(opened: Opened) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(opened.columns)
    writer.writerows(opened.records.select(opened.columns).rows())
    return out.getvalue().encode()


def invented(column: str, field: LayerField | None, row: int) -> str:
    """A value that nobody has, fit for the field and another in nearly every row."""
    if column in PERSONAL:
        return "ZZ1 1AB" if "Postcode" in column else "Zebedee Quill"
    if column in PLACES:
        return _place(PLACES[column], row)
    if field is None:
        return f"Nothing of ours {row % 3}"
    codes = list(field.codes)
    if codes:
        return f"{codes[row % len(codes)]};{codes[0]}" if field.type is FieldType.CODES else codes[row % len(codes)]
    if field.title in ("Reference", "Licence number", "Code"):
        return f"R{row:03d}"
    known = {
        FieldType.DATE: f"20{10 + row % 9}-05-{row % 28 + 1:02d}",
        FieldType.FLAG: ("yes", "no")[row % 2],
        FieldType.INTEGER: str(int(field.minimum or 0) + 1 + row % 20),
        FieldType.DECIMAL: f"{1 + row % 20}.5",
        FieldType.MONEY: ("0", "0.20", "0.50")[row % 3],
        FieldType.URL: f"https://example.org/{row}",
        FieldType.EMAIL: f"office{row}@example.org",
        FieldType.PHONE: f"01632 960{row:03d}",
        FieldType.UPRN: str(10001234501 + row),
        FieldType.POSTCODE: f"ZZ1 1A{'ABDEFGHJLNPQRSTUWXYZ'[row % 20]}",
        FieldType.TIME_RANGES: ("Mo-Fr 09:00-17:00", "24/7")[row % 2],
    }
    return known.get(field.type, f"{field.title} {chr(65 + row % 26)}{row}")


def _place(kind: str, row: int) -> str:
    if kind in ("x", "y"):
        return str((EAST if kind == "x" else NORTH) + 37 * row)
    lon, lat = 1.70 + row / 1000, 53.50 + row / 1300
    if kind == "wkt":
        return f"POINT ({lon:.6f} {lat:.6f})"
    return f"{lon if kind == 'lon' else lat:.6f}"
