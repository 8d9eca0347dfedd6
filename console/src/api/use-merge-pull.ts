/** Merges a pull request. */
import { useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import { refresh } from "./refresh";

export function useMergePull() {
  const queries = useQueryClient();
  return api.useMutation("post", "/api/pulls/{ref}/merge", { onSettled: () => refresh(queries) });
}
