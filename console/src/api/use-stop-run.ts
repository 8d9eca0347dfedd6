/** Stops a run; stopping twice is stopping once. */
import { useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import { refresh } from "./refresh";

export function useStopRun() {
  const queries = useQueryClient();
  return api.useMutation("post", "/api/runs/{run_id}/stop", { onSettled: () => refresh(queries) });
}
