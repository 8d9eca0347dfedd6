/** What a run has done, does and will do, with the time each step took. */
import type { Run, Step } from "@/api/schema";
import { RichLine } from "@/components/rich-line";
import { StepIcon } from "@/components/status";
import { cn } from "@/lib/cn";
import { duration, elapsed, ticking } from "@/lib/format";

export function Steps({ run, now }: { run: Run; now: number }) {
  return (
    <section aria-label="Steps" className="px-5 py-4 max-sm:px-4">
      <h2 className="mb-3 font-medium text-ink-soft text-xs">Steps</h2>
      <ol data-testid="steps">
        {run.steps.map((step) => (
          <Row key={step.name} step={step} now={now} />
        ))}
      </ol>
    </section>
  );
}

const TITLES: Record<Step["status"], string> = {
  waiting: "text-ink-faint",
  running: "font-medium",
  done: "text-ink",
  failed: "font-medium",
};

function Row({ step, now }: { step: Step; now: number }) {
  return (
    <li
      className="group relative flex gap-2.5 pb-3.5"
      data-testid={`step-${step.name}`}
      data-status={step.status}
    >
      <span className="absolute top-5 bottom-0.5 left-2 w-px -translate-x-1/2 bg-line group-last:hidden" />
      <span className="flex pt-0.5">
        <StepIcon status={step.status} />
      </span>
      <div className="min-w-0 flex-1">
        <div className="flex items-baseline gap-2">
          <span className={cn("flex-1", TITLES[step.status])}>{step.title}</span>
          <span className="whitespace-nowrap text-ink-faint text-xs tabular-nums">{time(step, now)}</span>
        </div>
        {step.note && <Note step={step} />}
        {step.attempt > 1 && <p className="text-warn text-xs">attempt {step.attempt}</p>}
      </div>
    </li>
  );
}

/** What went wrong is shown in full; what went well in a line. */
function Note({ step }: { step: Step }) {
  if (step.status === "failed")
    return (
      <p className="wrap-anywhere text-bad text-xs">
        <RichLine text={step.note} />
      </p>
    );
  return (
    <p className="truncate text-ink-faint text-xs" title={step.note}>
      <RichLine text={step.note} />
    </p>
  );
}

function time(step: Step, now: number): string {
  if (step.status === "waiting") return "";
  if (step.status === "running") return ticking(elapsed(step.started_at, null, now) ?? 0);
  return duration(step.duration_ms);
}
