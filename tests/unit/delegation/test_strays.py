"""Branches that nobody knows: found with few questions, whatever runs and pull requests there are."""

from kyros.delegation.service import Strays
from kyros.forge.model import Commit
from tests.unit.delegation.conftest import House

WHO = Commit("x", "Ann", "ann@kyros.invalid", 1)


async def test_only_a_branch_of_no_run_and_no_pull_request_is_one(house: House) -> None:
    run = await house.finished()
    strays = Strays(house.runs, house.forge)
    assert await strays.find() == []
    await house.forge.open_branch(run.project_id, "feature/alone", run.base, {}, WHO)
    await house.forge.open_branch(run.project_id, "other/alone", run.base, {}, WHO)
    (found,) = await strays.find()
    assert (found.kind, found.subject) == ("branch_without_run", f"{run.project_id}/feature/alone")
    assert found.project_id == run.project_id


async def test_a_run_is_over_when_it_has_ended_or_is_not_there(house: House) -> None:
    strays = Strays(house.runs, house.forge)
    going = await house.delegate()
    assert not await strays.is_over(going.id)
    assert await strays.is_over("run_9")
    await house.walker().look(going.id)
    assert await strays.is_over(going.id)
