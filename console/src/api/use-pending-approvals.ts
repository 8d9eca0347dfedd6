/** What a run's agent asks leave for and nobody has answered yet. */
import { api } from "./client";

export const usePendingApprovals = (runId: string) =>
  api.useQuery("get", "/api/approvals", { params: { query: { run: runId, status: "pending" } } });
