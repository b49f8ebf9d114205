"""The installation of `tests.web.api.house`, for the tests beside it too."""

from tests.web.api.conftest import house, template

__all__ = ["house", "template"]
