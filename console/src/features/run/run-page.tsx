/** One run: its steps on the left, its transcript, diff, checks and turns on the right. */
import { lazy, Suspense } from "react";
import { useParams } from "react-router";
import { hasEnded, type Run } from "@/api/schema";
import { usePull } from "@/api/use-pull";
import { useRun } from "@/api/use-run";
import { useRunDiff } from "@/api/use-run-diff";
import { AgentName } from "@/components/agent";
import { Checks } from "@/components/checks";
import { Copyable } from "@/components/copy";
import { LazyDiff, usePreloadedDiff } from "@/components/diff/lazy-diff";
import { Fact, Facts, Page } from "@/components/page";
import { Loading, LoadingRows, Skeleton, Trouble } from "@/components/states";
import { RunBadge, VerdictIcon } from "@/components/status";
import { Tabs } from "@/components/tabs";
import { Ago } from "@/components/time";
import { cost, duration, elapsed, ticking } from "@/lib/format";
import { useNow } from "@/lib/now";
import { Actions } from "./actions";
import { Notice } from "./notice";
import { Steps } from "./steps";
import { Turns } from "./turns";
import { Waiting } from "./waiting";

const Transcript = lazy(() => import("@/components/transcript/transcript"));

const CRUMBS = [{ label: "Runs", to: "/runs" }];

export default function RunPage() {
  const { id = "" } = useParams();
  const run = useRun(id);
  if (run.isPending) return <Pending />;
  if (run.isError)
    return (
      <Page title="Run" crumbs={CRUMBS}>
        <Trouble error={run.error} onRetry={() => void run.refetch()} />
      </Page>
    );
  return <Shown run={run.data} />;
}

const Pending = () => (
  <Page title="Run" crumbs={CRUMBS}>
    <LoadingRows label="Loading the run" />
  </Page>
);

function Shown({ run }: { run: Run }) {
  usePreloadedDiff();
  const now = useNow(!hasEnded(run));
  return (
    <Page
      title={run.task_title}
      crumbs={[...CRUMBS, { label: run.task_id }]}
      badge={<RunBadge status={run.status} />}
      actions={<Actions run={run} />}
      facts={<RunFacts run={run} now={now} />}
    >
      {run.status === "blocked" && !run.reason ? <Waiting run={run} /> : <Notice run={run} />}
      <div className="flex flex-1 border-line max-lg:flex-col [&:not(:nth-child(2))]:border-t">
        <div className="w-76 shrink-0 border-line border-r max-lg:w-full max-lg:border-r-0 max-lg:border-b">
          <div className="sticky top-0">
            <Steps run={run} now={now} />
          </div>
        </div>
        <Views run={run} now={now} />
      </div>
    </Page>
  );
}

function RunFacts({ run, now }: { run: Run; now: number }) {
  const lasted = elapsed(run.started_at, run.ended_at, now);
  return (
    <Facts>
      <Fact label="Project">{run.project}</Fact>
      <Fact label="Branch">
        <Copyable text={run.branch} what="the branch" />
      </Fact>
      <Fact label="Base">
        <code className="font-mono text-xs">{run.base}</code>
      </Fact>
      <Fact label="Agent">
        <AgentName name={run.agent} isModel={run.agent_is_model} />
      </Fact>
      {run.attempt > 1 && <Fact label="Attempt">{run.attempt}</Fact>}
      <Fact label="Started">{run.started_at ? <Ago time={run.started_at} now={now} /> : "not yet"}</Fact>
      {lasted !== null && (
        <Fact label={hasEnded(run) ? "Took" : "Running for"}>
          <span className="tabular-nums" data-testid="run-duration">
            {hasEnded(run) ? duration(lasted) : ticking(lasted)}
          </span>
        </Fact>
      )}
      {run.cost_usd !== null && <Fact label="Cost">{cost(run.cost_usd)}</Fact>}
    </Facts>
  );
}

function Views({ run, now }: { run: Run; now: number }) {
  const pull = usePull(run.pull_id);
  const checks = pull.data?.checks ?? [];
  const worst = checks.find((check) => check.verdict !== "passed") ?? checks[0];
  return (
    <Tabs
      label="Views of the run"
      tabs={[
        {
          value: "transcript",
          label: "Transcript",
          content: (
            <Suspense fallback={<TerminalBars />}>
              <Transcript key={`${run.id}.${run.attempt}`} runId={run.id} />
            </Suspense>
          ),
        },
        { value: "diff", label: "Diff", content: <RunDiff id={run.id} /> },
        {
          value: "checks",
          label: "Checks",
          mark: worst && <VerdictIcon verdict={worst.verdict} />,
          content: pull.isError ? (
            <Trouble error={pull.error} onRetry={() => void pull.refetch()} />
          ) : pull.isLoading ? (
            <LoadingRows label="Loading checks" rows={1} />
          ) : (
            <Checks checks={checks} />
          ),
        },
        { value: "turns", label: "Turns", content: <Turns runId={run.id} now={now} /> },
      ]}
    />
  );
}

function RunDiff({ id }: { id: string }) {
  const diff = useRunDiff(id);
  if (diff.isPending) return <LoadingRows label="Loading the diff" />;
  if (diff.isError) return <Trouble error={diff.error} onRetry={() => void diff.refetch()} />;
  return <LazyDiff patch={String(diff.data ?? "")} />;
}

const TerminalBars = () => (
  <Loading label="Opening the terminal">
    <Skeleton className="m-4 h-80" />
  </Loading>
);
