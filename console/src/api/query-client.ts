/** How long answers stay fresh: events say when something changed, so nothing polls. */
import { QueryClient } from "@tanstack/react-query";
import { isPassing } from "./problem";

export const createQueryClient = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        retry: (failures, error) => failures < 2 && isPassing(error),
        refetchOnWindowFocus: true,
      },
    },
  });
