"""No certificate is believed that should not be, and whoever registered the address is told which is the case."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harvesters.web.session import Session
from harvesters.web.verdict import ServerTrouble
from tests.builders import Loopback, fails, served
from tests.certificates import Authority, Issued, served_securely

Case = Callable[[Authority], Issued]


@pytest.fixture
def site() -> Iterator[Loopback]:
    with served() as site:
        yield site


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (lambda a: a.leaf("lone"), "leaves out the intermediate certificate"),
        (lambda a: a.with_chain(a.leaf("late", days=-1)), "has expired; ask its web team to renew it"),
        (lambda a: a.with_chain(a.leaf("other", "DNS:www.ashmere.example.org")), "is for another name"),
        (lambda a: a.leaf("own", own=True), "made its certificate itself"),
    ],
    ids=["missing intermediate", "expired", "wrong name", "self-signed"],
)
def test_a_certificate_error_says_which_and_what_to_do(
    session: Session, authority: Authority, case: Case, words: str
) -> None:
    session.verify = str(authority.root.certificate)
    with served_securely(case(authority)) as url:
        failed = fails(session, url)
    assert failed.code == "E-TLS" and words in str(failed) and "ask its web team" in str(failed)
    assert not isinstance(failed, ServerTrouble)


def test_an_authority_nobody_knows_is_told_of(session: Session, authority: Authority, tmp_path: Path) -> None:
    leaf = authority.with_chain(authority.leaf("known"))
    whole = tmp_path / "whole.pem"
    whole.write_bytes(leaf.certificate.read_bytes() + authority.root.certificate.read_bytes())
    with served_securely(Issued(whole, leaf.key)) as url:
        assert "from an authority of its own making" in str(fails(session, url))


def test_a_well_kept_server_is_believed(session: Session, authority: Authority) -> None:
    session.verify = str(authority.root.certificate)
    with served_securely(authority.with_chain(authority.leaf("good"))) as url:
        assert session.get(url).content == b"secure"


def test_https_where_there_is_only_http_is_told_of(site: Loopback, session: Session) -> None:
    failed = fails(session, site["/"].replace("http:", "https:"))
    assert failed.code == "E-TLS" and "try the address with http://" in str(failed)
