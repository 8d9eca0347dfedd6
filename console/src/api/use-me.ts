/** Who the token belongs to. */
import { api } from "./client";

export const useMe = () => api.useQuery("get", "/api/auth/me", {}, { staleTime: Number.POSITIVE_INFINITY });
