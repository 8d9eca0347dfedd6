/** Hands a task over. The key makes a second press of the same button the same request. */
import { useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import { refresh } from "./refresh";

export function useDelegate() {
  const queries = useQueryClient();
  return api.useMutation("post", "/api/delegations", { onSuccess: () => refresh(queries) });
}
