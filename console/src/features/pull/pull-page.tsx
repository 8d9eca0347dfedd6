/** One pull request: what it is for, what it changes, how its checks stand, merge and close. */
import { ArrowRight, Play } from "lucide-react";
import { lazy, Suspense } from "react";
import { useParams } from "react-router";
import type { Pull } from "@/api/schema";
import { useMay } from "@/api/use-may";
import { usePull } from "@/api/use-pull";
import { usePullDiff } from "@/api/use-pull-diff";
import { ButtonLink } from "@/components/button";
import { Checks } from "@/components/checks";
import { Copyable } from "@/components/copy";
import { LazyDiff, usePreloadedDiff } from "@/components/diff/lazy-diff";
import { Fact, Facts, Page } from "@/components/page";
import { LoadingRows, Skeleton, Trouble } from "@/components/states";
import { PullBadge, VerdictIcon, VerdictLabel } from "@/components/status";
import { TabCount, Tabs } from "@/components/tabs";
import { Ago } from "@/components/time";
import { shortSha } from "@/lib/format";
import { useNow } from "@/lib/now";
import { Close } from "./close";
import { Merge } from "./merge";

const Markdown = lazy(() => import("@/components/markdown"));

const CRUMBS = [{ label: "Pull requests", to: "/pulls" }];

export default function PullPage() {
  const { id = "" } = useParams();
  const pull = usePull(id);
  if (pull.isPending)
    return (
      <Page title="Pull request" crumbs={CRUMBS}>
        <LoadingRows label="Loading the pull request" />
      </Page>
    );
  if (pull.isError)
    return (
      <Page title="Pull request" crumbs={CRUMBS}>
        <Trouble error={pull.error} onRetry={() => void pull.refetch()} />
      </Page>
    );
  return <Shown pull={pull.data} />;
}

function Shown({ pull }: { pull: Pull }) {
  usePreloadedDiff();
  const now = useNow(true);
  return (
    <Page
      title={pull.title}
      tabTitle={`#${pull.number} ${pull.title}`}
      crumbs={[...CRUMBS, { label: pull.project }, { label: `#${pull.number}` }]}
      badge={<PullBadge state={pull.state} />}
      actions={<Actions pull={pull} />}
      facts={<PullFacts pull={pull} now={now} />}
    >
      <Views pull={pull} />
    </Page>
  );
}

function Actions({ pull }: { pull: Pull }) {
  const may = useMay("review", pull.project_id);
  return (
    <>
      {pull.run_id && (
        <ButtonLink to={`/runs/${pull.run_id}`} data-testid="run-link">
          <Play aria-hidden="true" /> Run
        </ButtonLink>
      )}
      {may && pull.state === "open" && (
        <>
          <Close pull={pull} />
          <Merge pull={pull} />
        </>
      )}
    </>
  );
}

function PullFacts({ pull, now }: { pull: Pull; now: number }) {
  return (
    <Facts>
      <Fact label="From">
        <Copyable text={pull.head} what="the branch" />
        <ArrowRight className="size-3 text-ink-faint" aria-label="into" />
        <code className="font-mono text-xs">{pull.base}</code>
      </Fact>
      <Fact label="Head">
        <code className="font-mono text-xs">{shortSha(pull.head_sha)}</code>
      </Fact>
      {pull.merge_sha && (
        <Fact label="Merged as">
          <code className="font-mono text-xs">{shortSha(pull.merge_sha)}</code>
        </Fact>
      )}
      {pull.task_id && <Fact label="Task">{pull.task_id}</Fact>}
      <Fact label="Opened">
        <Ago time={pull.created_at} now={now} />
      </Fact>
      <Fact label="Updated">
        <Ago time={pull.updated_at} now={now} />
      </Fact>
    </Facts>
  );
}

function Views({ pull }: { pull: Pull }) {
  const worst = pull.checks.find((check) => check.verdict !== "passed") ?? pull.checks[0];
  return (
    <Tabs
      label="Views of the pull request"
      tabs={[
        { value: "about", label: "About", content: <About pull={pull} /> },
        { value: "changes", label: "Changes", content: <Changes id={pull.id} /> },
        {
          value: "checks",
          label: "Checks",
          mark: worst ? <VerdictIcon verdict={worst.verdict} /> : <TabCount>0</TabCount>,
          content: <Checks checks={pull.checks} />,
        },
      ]}
    />
  );
}

function About({ pull }: { pull: Pull }) {
  return (
    <div className="flex items-start gap-8 px-6 py-5 max-lg:flex-col max-sm:px-4">
      <div className="min-w-0 max-w-3xl flex-1 max-lg:w-full">
        {pull.body.trim() ? (
          <Suspense fallback={<Skeleton className="h-60" />}>
            <Markdown text={pull.body} />
          </Suspense>
        ) : (
          <p className="text-ink-soft">It has no description.</p>
        )}
      </div>
      <Verdicts checks={pull.checks} />
    </div>
  );
}

function Verdicts({ checks }: { checks: Pull["checks"] }) {
  return (
    <section
      aria-label="Checks at a glance"
      className="w-72 shrink-0 rounded-lg border border-line bg-panel max-lg:w-full"
    >
      <h2 className="border-line border-b px-3.5 py-2 font-medium text-ink-soft text-xs">Checks</h2>
      {checks.length === 0 && <p className="px-3.5 py-3 text-ink-soft">None has run yet.</p>}
      <ul>
        {checks.map((check) => (
          <li key={check.name} className="flex flex-col gap-0.5 px-3.5 py-2.5">
            <span className="flex items-center gap-2">
              <code className="min-w-0 flex-1 truncate font-mono text-xs">{check.name}</code>
              <VerdictLabel verdict={check.verdict} />
            </span>
            <span className="text-ink-soft text-xs">{check.summary}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Changes({ id }: { id: string }) {
  const diff = usePullDiff(id);
  if (diff.isPending) return <LoadingRows label="Loading the diff" />;
  if (diff.isError) return <Trouble error={diff.error} onRetry={() => void diff.refetch()} />;
  return <LazyDiff patch={String(diff.data ?? "")} />;
}
