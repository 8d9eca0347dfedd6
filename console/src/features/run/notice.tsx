/** Why a run did not succeed, and what to do about it. */
import { CircleAlert, Info } from "lucide-react";
import { type Run, waitsForBudget } from "@/api/schema";
import { RichLine } from "@/components/rich-line";
import { cn } from "@/lib/cn";
import { words } from "@/lib/format";
import { GiveMore } from "./give-more";

const TONES = {
  bad: { icon: CircleAlert, style: "border-bad/30 bg-bad-wash", ink: "text-bad" },
  calm: { icon: Info, style: "border-line bg-panel", ink: "text-ink-soft" },
};

function toneOf(run: Run) {
  return run.status === "failed" || run.status === "timed_out" ? TONES.bad : TONES.calm;
}

export function Notice({ run }: { run: Run }) {
  if (!run.reason && !run.explanation) return null;
  const { icon: Icon, style, ink } = toneOf(run);
  return (
    <div
      role={run.status === "failed" ? "alert" : "note"}
      className={cn("mx-6 my-4 flex gap-3 rounded-lg border px-4 py-3 max-sm:mx-4", style)}
      data-testid="reason"
    >
      <Icon className={cn("mt-0.5 size-4 shrink-0", ink)} aria-hidden="true" />
      <div className="min-w-0">
        {run.reason && (
          <p className={cn("font-medium", ink)}>
            {words(run.reason)} <code className="ml-1 font-mono font-normal text-xs">{run.reason}</code>
          </p>
        )}
        {run.explanation && (
          <p className="wrap-anywhere whitespace-pre-wrap text-ink">
            <RichLine text={run.explanation} />
          </p>
        )}
        {waitsForBudget(run) && <GiveMore run={run} />}
      </div>
    </div>
  );
}
