/** The repositories Kyros knows. */
import { api } from "./client";

export const useProjects = () => api.useQuery("get", "/api/projects");
