/** One pull request with its checks. */
import { api } from "./client";

export const usePull = (id: string | null) =>
  api.useQuery("get", "/api/pulls/{ref}", { params: { path: { ref: id ?? "" } } }, { enabled: id !== null });
