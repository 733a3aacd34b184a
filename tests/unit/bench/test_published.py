"""The paper's cells."""

import pytest

from bench.pages import published
from runtime.errors import FvitError


def test_a_changed_header_of_the_published_cells_is_refused():
    with pytest.raises(FvitError, match=r"table3.csv has the columns .*; sigma, t, s are wanted"):
        published.read(3, ("sigma", "t", "s"))
