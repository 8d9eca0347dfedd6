/** Says no to what an agent asked leave for. */
import { useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import { refresh } from "./refresh";

export function useDeny() {
  const queries = useQueryClient();
  return api.useMutation("post", "/api/approvals/{approval_id}/deny", { onSettled: () => refresh(queries) });
}
