/** Starts a run that has ended once more. */
import { useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import { refresh } from "./refresh";

export function useRetryRun() {
  const queries = useQueryClient();
  return api.useMutation("post", "/api/runs/{run_id}/retry", { onSettled: () => refresh(queries) });
}
