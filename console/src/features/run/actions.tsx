/** What can be done with a run: stop it, start it again, look at its pull request. */
import { GitPullRequest, RotateCw, Square } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { sentence } from "@/api/problem";
import { hasEnded, type Run, waitsForBudget } from "@/api/schema";
import { useMay } from "@/api/use-may";
import { useRetryRun } from "@/api/use-retry-run";
import { useStopRun } from "@/api/use-stop-run";
import { Button, ButtonLink } from "@/components/button";
import { Confirm } from "@/components/dialog";

export function Actions({ run }: { run: Run }) {
  const may = useMay("operate", run.project_id);
  return (
    <>
      {run.pull_id && (
        <ButtonLink to={`/pulls/${run.pull_id}`} data-testid="pull-link">
          <GitPullRequest aria-hidden="true" /> Pull request #{run.pull_number}
        </ButtonLink>
      )}
      {may && !hasEnded(run) && <Stop run={run} />}
      {may && mayRetry(run) && <Retry run={run} />}
    </>
  );
}

const mayRetry = (run: Run) => (hasEnded(run) && run.status !== "succeeded") || waitsForBudget(run);

function Stop({ run }: { run: Run }) {
  const [asking, setAsking] = useState(false);
  const stop = useStopRun();
  const go = () =>
    stop.mutate(
      { params: { path: { run_id: run.id } } },
      {
        onSuccess: () => toast.success("The run is being stopped."),
        onError: (error) => toast.error(sentence(error)),
        onSettled: () => setAsking(false),
      },
    );
  return (
    <>
      <Button onClick={() => setAsking(true)} data-testid="stop">
        <Square aria-hidden="true" /> Stop
      </Button>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        onConfirm={go}
        title="Stop this run?"
        action="Stop the run"
        look="danger"
        busy={stop.isPending}
        testid="confirm-stop"
      >
        The agent and everything it started are ended. Its worktree, branch and pull request stay, and you can
        retry.
      </Confirm>
    </>
  );
}

function Retry({ run }: { run: Run }) {
  const retry = useRetryRun();
  const go = () =>
    retry.mutate(
      { params: { path: { run_id: run.id } } },
      {
        onSuccess: () => toast.success("The run starts again."),
        onError: (error) => toast.error(sentence(error)),
      },
    );
  return (
    <Button look="primary" onClick={go} disabled={retry.isPending} data-testid="retry">
      <RotateCw aria-hidden="true" /> Retry
    </Button>
  );
}
