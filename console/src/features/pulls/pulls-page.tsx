/** Every pull request of the built-in forge, newest first; the filter is in the address. */
import { GitPullRequest } from "lucide-react";
import { PULL_STATES, type PullState } from "@/api/schema";
import { usePulls } from "@/api/use-pulls";
import { Button } from "@/components/button";
import { More } from "@/components/more";
import { Page } from "@/components/page";
import { Segments } from "@/components/segments";
import { Empty, LoadingRows, Trouble } from "@/components/states";
import { useQueryParam } from "@/components/use-query-param";
import { words } from "@/lib/format";
import { useNow } from "@/lib/now";
import { PullRow } from "./pull-row";

const FILTERS = [
  { value: "" as const, label: "All" },
  ...PULL_STATES.map((value) => ({ value, label: words(value) })),
];

const isState = (value: string | null): value is PullState => PULL_STATES.some((state) => state === value);

export default function PullsPage() {
  const [asked, setState] = useQueryParam("state");
  const state = isState(asked) ? asked : null;
  const set = (next: PullState | "") => setState(next || null);
  return (
    <Page
      title="Pull requests"
      toolbar={<Segments label="State" value={state ?? ""} options={FILTERS} onChange={set} testid="state" />}
    >
      <PullList state={state} onClear={() => setState(null)} />
    </Page>
  );
}

function PullList({ state, onClear }: { state: PullState | null; onClear: () => void }) {
  const pulls = usePulls(state ? { state } : {});
  const now = useNow(true);
  if (pulls.isPending) return <LoadingRows label="Loading pull requests" />;
  if (pulls.isError) return <Trouble error={pulls.error} onRetry={() => void pulls.refetch()} />;
  const items = pulls.data.pages.flatMap((page) => page.items);
  if (items.length === 0) return <None state={state} onClear={onClear} />;
  return (
    <>
      <ul aria-label="Pull requests" data-testid="pulls">
        {items.map((pull) => (
          <PullRow key={pull.id} pull={pull} now={now} />
        ))}
      </ul>
      <More
        hasMore={pulls.hasNextPage}
        loading={pulls.isFetchingNextPage}
        onMore={() => void pulls.fetchNextPage()}
      />
    </>
  );
}

function None({ state, onClear }: { state: PullState | null; onClear: () => void }) {
  if (state)
    return (
      <Empty
        icon={GitPullRequest}
        title={`No ${state} pull requests`}
        action={<Button onClick={onClear}>Show all</Button>}
      />
    );
  return (
    <Empty icon={GitPullRequest} title="No pull requests yet">
      Every task handed over gets one at once; the agent's work arrives on it for you to review.
    </Empty>
  );
}
