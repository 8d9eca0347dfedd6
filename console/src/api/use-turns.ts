/** The turns of a run with what they asked leave for. */
import { api } from "./client";

export const useTurns = (id: string) =>
  api.useQuery("get", "/api/runs/{run_id}/turns", { params: { path: { run_id: id } } });
