/** A run, a pull request and an agent, whole, to be changed where a test looks. */
import type { Approval, Check, Profile, Project, Pull, Run, Step } from "@/api/schema";

const NAMES = ["branch", "pull_request", "lease", "worktree", "turn", "checks", "commit", "push", "report"];

export const step = (name: string, part: Partial<Step> = {}): Step => ({
  name,
  title: `Step ${name}`,
  status: "waiting",
  attempt: 0,
  started_at: null,
  ended_at: null,
  duration_ms: null,
  note: "",
  ...part,
});

export const run = (part: Partial<Run> = {}): Run => ({
  id: "run_1",
  task_id: "T-100",
  task_title: "Say hello",
  task_status: "in_progress",
  project: "greeter",
  project_id: "prj_1",
  status: "running",
  reason: null,
  explanation: null,
  attempt: 1,
  agent: "playbook",
  agent_is_model: false,
  branch: "feature/say-hello-1",
  base: "main",
  pull_id: "pull_1",
  pull_number: 7,
  steps: NAMES.map((name) => step(name)),
  cost_usd: null,
  budget: { tokens: null, usd: null, minutes: null },
  created_at: new Date(Date.now() - 60_000).toISOString(),
  started_at: new Date(Date.now() - 50_000).toISOString(),
  ended_at: null,
  ...part,
});

export const approval = (part: Partial<Approval> = {}): Approval => ({
  id: "appr_1",
  state: "pending",
  allowed: false,
  kind: "command",
  tool: "bash",
  subject: "make deploy",
  path: null,
  text: "Run make deploy?",
  rule: "ask: project rule 1 (ask command make.*)",
  digest: "d".repeat(64),
  run_id: "run_1",
  turn_id: "turn_1",
  task_id: "T-100",
  project_id: "prj_1",
  agent: "playbook",
  asked_at: new Date().toISOString(),
  expires_at: new Date(Date.now() + 3_600_000).toISOString(),
  decided_at: null,
  decided_by: null,
  scope: null,
  note: "",
  made_rule: null,
  etag: '"pending-dddddddddddddddd"',
  ...part,
});

export const check = (part: Partial<Check> = {}): Check => ({
  name: "make test",
  verdict: "passed",
  summary: "12 passed",
  output: "",
  head_sha: "a".repeat(40),
  duration_ms: 1200,
  ...part,
});

export const pull = (part: Partial<Pull> = {}): Pull => ({
  id: "pull_1",
  number: 7,
  project: "greeter",
  project_id: "prj_1",
  title: "Say hello",
  body: "It says **hello**.",
  state: "open",
  head: "feature/say-hello-1",
  base: "main",
  head_sha: "a".repeat(40),
  base_sha: "b".repeat(40),
  merge_sha: null,
  checks: [check()],
  run_id: "run_1",
  task_id: "T-100",
  url: "/pulls/pull_1",
  created_at: new Date().toISOString(),
  updated_at: new Date().toISOString(),
  ...part,
});

export const project = (part: Partial<Project> = {}): Project => ({
  id: "prj_1",
  name: "greeter",
  source: "/src/greeter",
  default_base: "main",
  forge_path: "/home/forge/greeter.git",
  created_at: new Date().toISOString(),
  ...part,
});

export const profile = (part: Partial<Profile> = {}): Profile => ({
  name: "playbook",
  title: "Playbook",
  is_model: false,
  is_default: false,
  program: "/usr/bin/playbook",
  tiers: ["terminal"],
  install_hint: "",
  paused_until: null,
  ...part,
});
