/** The names the console uses for what the server sends; the shapes are generated. */
import type { components } from "./schema.gen";

type Schemas = components["schemas"];

export type Run = Schemas["RunView"];
export type RunStatus = Run["status"];
export type Step = Schemas["StepView"];
export type StepStatus = Step["status"];
export type Turn = Schemas["TurnView"];
export type Approval = Schemas["ApprovalView"];
export type Pull = Schemas["PullView"];
export type PullState = Pull["state"];
export type Check = Schemas["CheckView"];
export type Verdict = Check["verdict"];
export type Project = Schemas["ProjectView"];
export type Profile = Schemas["ProfileView"];
export type DelegationRequest = Schemas["DelegationRequest"];
export type MergeRequest = Schemas["MergeRequest"];

export const RUN_STATUSES = [
  "queued",
  "running",
  "blocked",
  "succeeded",
  "failed",
  "timed_out",
  "cancelled",
] as const satisfies readonly RunStatus[];

export const PULL_STATES = ["open", "merged", "closed"] as const satisfies readonly PullState[];

/** Its budget is used up: it goes on when somebody raises that, or says so. */
export const waitsForBudget = (run: Run): boolean => run.status === "blocked" && run.reason === "budget";

/** A run that has ended changes no more, unless it is retried. */
export const hasEnded = (run: Run): boolean => !["queued", "running", "blocked"].includes(run.status);
