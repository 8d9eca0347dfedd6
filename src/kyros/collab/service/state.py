"""The three collections as one caller may see them: their documents by id, and the etag of the whole."""

from collections.abc import Mapping

from kyros.collab.model import Kind, Lease
from kyros.collab.model.registry import is_visible
from kyros.collab.model.resource import parse_resource
from kyros.collab.ports import View
from kyros.collab.service.holding import project_of
from kyros.kernel.etag import digest_of, etag_of


def state_tag(view: View, kind: Kind, projects: frozenset[str] | None) -> str:
    """Costs the same however many items there are. For a caller who sees only `projects` it is another one,
    which changes with every write to the collection, also with those they do not see."""
    revision = view.revision(kind)
    if projects is None:
        return revision.etag
    seen = {"fold": f"{revision.fold:x}", "projects": sorted(projects)}
    return etag_of(revision.number, digest_of(seen))


def state_of(
    view: View, kind: Kind, projects: frozenset[str] | None, caller: str
) -> Mapping[str, Mapping[str, object]]:
    """Documents by id, resource or name, as far as they concern `projects` (None: all) or are the caller's
    own: their leases, and an agent's own entry."""
    if kind is Kind.TASKS:
        tasks = (task for task in view.all_tasks() if projects is None or task.project_id in projects)
        return {task.id: task.document() for task in tasks}
    if kind is Kind.LOCKS:
        leases = (one for one in view.all_leases() if _sees_lease(view, one, projects, caller))
        return {lease.resource: lease.document() for lease in leases}
    agents = (one for one in view.all_agents() if is_visible(one, projects, caller))
    return {agent.name: agent.document() for agent in agents}


def _sees_lease(view: View, lease: Lease, projects: frozenset[str] | None, caller: str) -> bool:
    if projects is None or lease.holder == caller:
        return True
    return project_of(view, parse_resource(lease.resource)) in projects
