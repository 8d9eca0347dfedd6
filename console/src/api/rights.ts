/** What somebody may do; the server decides anew at each call, this only keeps dead buttons off the page. */
import type { components } from "./schema.gen";

type Schemas = components["schemas"];

export type Me = Schemas["Me"];
export type Right = Schemas["Right"];
export type Role = Schemas["Role"];

const REVIEWER: Right[] = ["read", "review"];
const AGENT: Right[] = ["read", "tasks", "lease", "report"];
const OPERATOR: Right[] = [...AGENT, "review", "operate"];

const RIGHTS: Record<Role, readonly Right[]> = {
  viewer: ["read"],
  reviewer: REVIEWER,
  agent: AGENT,
  operator: OPERATOR,
  admin: [...OPERATOR, "admin"],
};

/** In this project, or (none given) everywhere. */
export function may(me: Me, right: Right, projectId?: string): boolean {
  if (me.rights.includes(right)) return true;
  const role = projectId === undefined ? undefined : me.projects[projectId];
  return role !== undefined && RIGHTS[role].includes(right);
}

export const maySomewhere = (me: Me, right: Right): boolean =>
  may(me, right) || Object.keys(me.projects).some((project) => may(me, right, project));
