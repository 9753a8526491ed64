"""Real files of councils are not held for what is no personal data, but for very few."""

import pytest

from tests.personal.__main__ import alarms, real_tables
from tests.real.trial import FOLDER


@pytest.mark.real
@pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder of real council files is not there")
def test_fewer_than_three_of_a_hundred_real_files_would_be_held() -> None:
    found = {path: bool(alarms(opened)) for path, opened in real_tables()}
    assert len(found) > 200
    assert sum(found.values()) < 0.03 * len(found)
