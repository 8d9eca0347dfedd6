/** The agents a task can be given to, installed or not. */
import { api } from "./client";

export const useProfiles = () => api.useQuery("get", "/api/profiles");
