/** Closes a pull request without merging it. */
import { useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import { refresh } from "./refresh";

export function useClosePull() {
  const queries = useQueryClient();
  return api.useMutation("post", "/api/pulls/{ref}/close", { onSettled: () => refresh(queries) });
}
