/** What a run has changed so far, as a unified diff. */
import { api } from "./client";

export const useRunDiff = (id: string) =>
  api.useQuery("get", "/api/runs/{run_id}/diff", { params: { path: { run_id: id } }, parseAs: "text" });
