/** One run with its steps. */
import { api } from "./client";

export const useRun = (id: string) =>
  api.useQuery("get", "/api/runs/{run_id}", { params: { path: { run_id: id } } });
