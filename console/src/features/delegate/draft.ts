/** The task being written: kept while the page lives, so that a closed dialog loses nothing. */
import type { DelegationRequest } from "@/api/schema";
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
