"""Every address of the portal, on one screen."""

from functools import partial

from starlette.routing import BaseRoute, Mount, Route

from portal.pages import councils, feeds, health, home, issues, layers, runs
from portal.site import Site
from portal.static_files import BuiltFiles, show_icon


def routes(site: Site) -> list[BaseRoute]:
    return [
        Route("/", partial(home.show, site), name="home"),
        Route("/layers", partial(layers.show_all, site), name="layers"),
        Route("/layers/{layer}", partial(layers.show, site), name="layer"),
        Route("/councils", partial(councils.show_all, site), name="councils"),
        Route("/councils/{slug}", partial(councils.show, site), name="council"),
        Route("/feeds/{id}", partial(feeds.show, site), name="feed"),
        Route("/runs/{id}", partial(runs.show, site), name="run"),
        Route("/runs/{id}/issues.csv", partial(issues.download, site), name="issues"),
        Route("/health", partial(health.show, site), name="health"),
        Route("/robots.txt", health.show_robots),
        Route("/favicon.svg", show_icon),
        Route("/favicon.ico", show_icon),
        Mount("/static", BuiltFiles(), name="static"),
    ]
