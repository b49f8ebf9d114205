import pytest

from slots.errors import StorageFull, StorageUnavailable
from web.config import Settings
from web.refusals import problem_of


@pytest.mark.parametrize(
    ("error", "status", "retry_after"), [(StorageFull(), 503, "30"), (StorageUnavailable(), 503, "2")]
)
def test_a_database_that_failed_is_a_problem_that_says_when_to_come_again(error, status, retry_after):
    problem = problem_of(error, Settings())

    assert (problem.status, problem.code) == (status, error.code)
    assert problem.headers["Retry-After"] == retry_after
    assert problem.detail
