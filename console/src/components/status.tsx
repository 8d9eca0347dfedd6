/** States as icon and word together, never colour alone. */
import {
  Ban,
  CheckCircle2,
  Circle,
  CircleDashed,
  CircleX,
  GitMerge,
  GitPullRequest,
  GitPullRequestClosed,
  Hand,
  LoaderCircle,
  type LucideIcon,
  MinusCircle,
  TimerOff,
} from "lucide-react";
import type { PullState, RunStatus, StepStatus, Verdict } from "@/api/schema";
import { cn } from "@/lib/cn";

interface Look {
  label: string;
  icon: LucideIcon;
  tone: string;
  wash: string;
  spins?: boolean;
}

const FAINT = { tone: "text-ink-faint", wash: "bg-hover text-ink-soft" };
const LIVE = { tone: "text-live", wash: "bg-live-wash text-live" };
const GOOD = { tone: "text-good", wash: "bg-good-wash text-good" };
const BAD = { tone: "text-bad", wash: "bg-bad-wash text-bad" };
const WARN = { tone: "text-warn", wash: "bg-warn-wash text-warn" };
const MERGED = { tone: "text-merged", wash: "bg-merged-wash text-merged" };

export const RUN_LOOKS: Record<RunStatus, Look> = {
  queued: { label: "Queued", icon: CircleDashed, ...FAINT },
  running: { label: "Running", icon: LoaderCircle, ...LIVE, spins: true },
  blocked: { label: "Needs you", icon: Hand, ...WARN },
  succeeded: { label: "Succeeded", icon: CheckCircle2, ...GOOD },
  failed: { label: "Failed", icon: CircleX, ...BAD },
  timed_out: { label: "Timed out", icon: TimerOff, ...BAD },
  cancelled: { label: "Cancelled", icon: Ban, ...FAINT },
};

const STEP_LOOKS: Record<StepStatus, Look> = {
  waiting: { label: "Waiting", icon: Circle, ...FAINT },
  running: { label: "Running", icon: LoaderCircle, ...LIVE, spins: true },
  done: { label: "Done", icon: CheckCircle2, ...GOOD },
  failed: { label: "Failed", icon: CircleX, ...BAD },
};

const PULL_LOOKS: Record<PullState, Look> = {
  open: { label: "Open", icon: GitPullRequest, ...GOOD },
  merged: { label: "Merged", icon: GitMerge, ...MERGED },
  closed: { label: "Closed", icon: GitPullRequestClosed, ...BAD },
};

const VERDICT_LOOKS: Record<Verdict, Look> = {
  pending: { label: "Pending", icon: LoaderCircle, ...LIVE, spins: true },
  passed: { label: "Passed", icon: CheckCircle2, ...GOOD },
  failed: { label: "Failed", icon: CircleX, ...BAD },
  timed_out: { label: "Timed out", icon: TimerOff, ...BAD },
  not_configured: { label: "Not configured", icon: MinusCircle, ...FAINT },
};

/** The icon with its word for screen readers; where the word stands beside it, use Badge. */
function Icon({ look, className }: { look: Look; className?: string | undefined }) {
  return (
    <span className={cn("inline-flex shrink-0", look.tone, className)} title={look.label}>
      <look.icon className={cn("size-4", look.spins && "animate-spin-slow")} aria-hidden="true" />
      <span className="sr-only">{look.label}</span>
    </span>
  );
}

function Badge({ look, testid }: { look: Look; testid: string }) {
  return (
    <span
      data-testid={testid}
      className={cn(
        "inline-flex h-6 shrink-0 items-center gap-1.5 rounded-full px-2.5 font-medium text-xs",
        look.wash,
      )}
    >
      <look.icon className={cn("size-3.5", look.spins && "animate-spin-slow")} aria-hidden="true" />
      {look.label}
    </span>
  );
}

/** Icon and word in the tone of the state, without a ground. */
function Label({ look }: { look: Look }) {
  return (
    <span className={cn("inline-flex items-center gap-1.5 font-medium text-xs", look.tone)}>
      <look.icon className={cn("size-3.5", look.spins && "animate-spin-slow")} aria-hidden="true" />
      {look.label}
    </span>
  );
}

export const RunBadge = ({ status }: { status: RunStatus }) => (
  <Badge look={RUN_LOOKS[status]} testid="run-status" />
);
export const RunLabel = ({ status }: { status: RunStatus }) => <Label look={RUN_LOOKS[status]} />;
export const StepIcon = ({ status }: { status: StepStatus }) => <Icon look={STEP_LOOKS[status]} />;
export const PullBadge = ({ state }: { state: PullState }) => (
  <Badge look={PULL_LOOKS[state]} testid="pull-state" />
);
export const PullIcon = ({ state }: { state: PullState }) => <Icon look={PULL_LOOKS[state]} />;
export const VerdictIcon = ({ verdict }: { verdict: Verdict }) => <Icon look={VERDICT_LOOKS[verdict]} />;
export const VerdictLabel = ({ verdict }: { verdict: Verdict }) => <Label look={VERDICT_LOOKS[verdict]} />;
