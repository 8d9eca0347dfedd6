/** The pull requests, newest first, page by page. */
import { api } from "./client";
import type { PullState } from "./schema";

export const usePulls = (filter: { state?: PullState; project?: string }) =>
  api.useInfiniteQuery(
    "get",
    "/api/pulls",
    { params: { query: { ...filter, limit: 50 } } },
    {
      pageParamName: "cursor",
      initialPageParam: null,
      getNextPageParam: (page) => page.next_cursor ?? undefined,
    },
  );
