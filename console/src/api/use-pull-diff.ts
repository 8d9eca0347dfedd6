/** What a pull request changes, as a unified diff. */
import { api } from "./client";

export const usePullDiff = (id: string) =>
  api.useQuery("get", "/api/pulls/{ref}/diff", { params: { path: { ref: id } }, parseAs: "text" });
