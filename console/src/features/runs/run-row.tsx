/** One run in the list: what, where it stands, who works on it, since when. */
import { GitBranch } from "lucide-react";
import { Link } from "react-router";
import { hasEnded, type Run } from "@/api/schema";
import { AgentName } from "@/components/agent";
import { RunLabel } from "@/components/status";
import { StepMeter } from "@/components/step-meter";
import { Ago } from "@/components/time";
import { duration, elapsed, ticking } from "@/lib/format";

export function RunRow({ run, now }: { run: Run; now: number }) {
  const lasted = elapsed(run.started_at, run.ended_at, now);
  return (
    <li className="border-line border-b" data-testid="run-row">
      <Link
        to={`/runs/${run.id}`}
        className="grid grid-cols-[6.5rem_minmax(0,1fr)_7rem_8.5rem_8.5rem] items-center gap-x-4 px-6 py-2.5 hover:bg-hover focus-visible:-outline-offset-2 max-lg:grid-cols-[6.5rem_minmax(0,1fr)_8.5rem] max-sm:grid-cols-1 max-sm:gap-y-1 max-sm:px-4"
      >
        <RunLabel status={run.status} />
        <span className="flex min-w-0 flex-col">
          <span className="truncate font-medium text-base">{run.task_title}</span>
          {run.status === "blocked" && run.explanation && (
            <span className="truncate text-warn text-xs" data-testid="asked">
              {run.explanation}
            </span>
          )}
          <span className="flex min-w-0 items-center gap-2 text-ink-faint text-xs">
            <span className="whitespace-nowrap">{run.task_id}</span>
            <span className="whitespace-nowrap text-ink-soft">{run.project}</span>
            <GitBranch className="size-3 shrink-0" aria-hidden="true" />
            <span className="truncate font-mono">{run.branch}</span>
          </span>
        </span>
        <span className="max-lg:hidden">
          <StepMeter steps={run.steps} />
        </span>
        <span className="text-ink-soft text-xs max-lg:hidden">
          <AgentName name={run.agent} isModel={run.agent_is_model} />
        </span>
        <span className="text-right text-ink-soft text-xs tabular-nums max-sm:text-left">
          <span className="block text-ink">
            {lasted === null ? "not started" : hasEnded(run) ? duration(lasted) : ticking(lasted)}
          </span>
          <span className="text-ink-faint">
            <Ago time={run.created_at} now={now} />
          </span>
        </span>
      </Link>
    </li>
  );
}
