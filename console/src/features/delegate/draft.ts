/** The task being written: kept while the page lives, so that a closed dialog loses nothing. */
import type { DelegationRequest } from "@/api/schema";
import { session } from "@/api/session";
import { createStore } from "@/lib/store";

export interface Draft {
  title: string;
  objective: string;
  constraints: string;
  criteria: string[];
  /** Name of a known project; empty when `repo` says which repository. */
  project: string;
  repo: string;
  base: string;
  agent: string;
}

export const EMPTY: Draft = {
  title: "",
  objective: "",
  constraints: "",
  criteria: [""],
  project: "",
  repo: "",
  base: "",
  agent: "",
};

export const draft = createStore<Draft>(EMPTY);

const nameNow = (): string | null => {
  const standing = session.standing.get();
  return standing.state === "in" ? standing.name : null;
};
let author = nameNow();

/** What one person wrote is not shown to the next; after signing in again it is still there. */
session.standing.subscribe(() => {
  const name = nameNow();
  if (name === null || name === author) return;
  author = name;
  draft.set(EMPTY);
});

export type Faults = Partial<Record<"title" | "repo", string>>;

export function faultsOf({ title, project, repo }: Draft): Faults {
  const faults: Faults = {};
  if (!title.trim()) faults.title = "A task needs a title.";
  if (!project && !repo.trim())
    faults.repo = "Say which repository: a path on the server's machine, or a URL.";
  return faults;
}

export function toRequest(task: Draft): DelegationRequest {
  return {
    title: task.title.trim(),
    objective: task.objective,
    constraints: task.constraints,
    acceptance_criteria: task.criteria.map((line) => line.trim()).filter(Boolean),
    ...(task.project ? { project: task.project } : { repo: task.repo.trim() }),
    ...(task.base.trim() && { base: task.base.trim() }),
    ...(task.agent && { agent: task.agent }),
  };
}
