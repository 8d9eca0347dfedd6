/** The runs, newest first, page by page. */
import { api } from "./client";
import type { RunStatus } from "./schema";

export const useRuns = (filter: { status?: RunStatus; project?: string }) =>
  api.useInfiniteQuery(
    "get",
    "/api/runs",
    { params: { query: { ...filter, limit: 50 } } },
    {
      pageParamName: "cursor",
      initialPageParam: null,
      getNextPageParam: (page) => page.next_cursor ?? undefined,
    },
  );
