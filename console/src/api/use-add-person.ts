/** Lets somebody in. */
import { api } from "./client";

export const useAddPerson = () => api.useMutation("post", "/api/auth/people");
