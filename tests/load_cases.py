"""Files that the tests of load_spectra share."""

import pytest
from survey_files import lamost_array


@pytest.fixture
def folder(tmp_path):
    """Five LAMOST files with fibres 1 to 5."""
    for fiber in range(1, 6):
        lamost_array(tmp_path / f"spec-{fiber}.fits", fiber=fiber)
    return tmp_path
