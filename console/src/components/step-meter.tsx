/** The steps of a run as a row of marks, with the count in words. */
import type { Step, StepStatus } from "@/api/schema";
import { cn } from "@/lib/cn";

const TONES: Record<StepStatus, string> = {
  waiting: "bg-line",
  running: "animate-breathe bg-live",
  done: "bg-good",
  failed: "bg-bad",
};

export function StepMeter({ steps }: { steps: readonly Step[] }) {
  const done = steps.filter((step) => step.status === "done").length;
  const now = steps.find((step) => step.status === "running" || step.status === "failed");
  const words = `${done} of ${steps.length} steps`;
  return (
    <span className="flex flex-col gap-1.5" title={now ? `${words} · ${now.title}` : words}>
      <span className="flex gap-0.5" aria-hidden="true">
        {steps.map((step) => (
          <span key={step.name} className={cn("h-1 flex-1 rounded-full", TONES[step.status])} />
        ))}
      </span>
      <span className="text-ink-faint text-2xs tabular-nums">{words}</span>
    </span>
  );
}
