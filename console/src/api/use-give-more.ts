/** Gives one run more to use; a run that waits for it goes on. */
import { useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import { refresh } from "./refresh";

export function useGiveMore() {
  const queries = useQueryClient();
  return api.useMutation("post", "/api/runs/{run_id}/budget", { onSettled: () => refresh(queries) });
}
