/** Lets an agent do what it asked leave for, once or always. */
import { useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import { refresh } from "./refresh";

export function useApprove() {
  const queries = useQueryClient();
  return api.useMutation("post", "/api/approvals/{approval_id}/approve", {
    onSettled: () => refresh(queries),
  });
}
