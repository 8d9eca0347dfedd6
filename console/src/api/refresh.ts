/** Which answers an event makes old: the lists always, a detail when the event names it. */
import type { Query, QueryClient } from "@tanstack/react-query";

const LISTS = new Set(["/api/runs", "/api/pulls", "/api/projects", "/api/approvals"]);

interface Init {
  params?: { path?: Record<string, string> };
}

const pathOf = (query: Query): string => String(query.queryKey[1] ?? "");

function names(query: Query, ids: ReadonlySet<string>): boolean {
  const init = query.queryKey[2] as Init | undefined;
  return Object.values(init?.params?.path ?? {}).some((id) => ids.has(id));
}

/** Everything about runs, approvals, pull requests and projects, after something done here or a gap in the events. */
export const refresh = (queries: QueryClient): Promise<void> =>
  queries.invalidateQueries({
    predicate: (query) => /^\/api\/(runs|pulls|projects|approvals)/.test(pathOf(query)),
  });

export const refreshNamed = (queries: QueryClient, ids: ReadonlySet<string>): Promise<void> =>
  queries.invalidateQueries({ predicate: (query) => LISTS.has(pathOf(query)) || names(query, ids) });
