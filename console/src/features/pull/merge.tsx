/** Merging, asked before it is done; a red check must be accepted by name. */
import { GitMerge } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { sentence } from "@/api/problem";
import type { Pull } from "@/api/schema";
import { useMergePull } from "@/api/use-merge-pull";
import { Button } from "@/components/button";
import { Confirm } from "@/components/dialog";
import { Tick } from "@/components/tick";

export function Merge({ pull }: { pull: Pull }) {
  const [asking, setAsking] = useState(false);
  const [accept, setAccept] = useState(false);
  const [push, setPush] = useState(false);
  const merge = useMergePull();
  const doubts = pull.checks.filter(({ verdict }) => verdict !== "passed" && verdict !== "not_configured");
  const close = () => {
    setAsking(false);
    setAccept(false);
  };
  const go = () =>
    merge.mutate(
      { params: { path: { ref: pull.id } }, body: { accept_failed_checks: accept, push } },
      {
        onSuccess: () => toast.success(`#${pull.number} is merged into ${pull.base}.`),
        onError: (error) => toast.error(sentence(error)),
        onSettled: close,
      },
    );
  return (
    <>
      <Button look="good" onClick={() => setAsking(true)} data-testid="merge">
        <GitMerge aria-hidden="true" /> Merge
      </Button>
      <Confirm
        open={asking}
        onClose={close}
        onConfirm={go}
        title={`Merge #${pull.number} into ${pull.base}?`}
        action="Merge"
        look="good"
        busy={merge.isPending || (doubts.length > 0 && !accept)}
        testid="confirm-merge"
      >
        <p>
          The task is done with it: its branch is removed and its worktree cleaned.{" "}
          {verdict(pull, doubts.length)}
        </p>
        <div className="mt-3 flex flex-col gap-2 text-ink">
          {doubts.length > 0 && (
            <Tick checked={accept} onChange={setAccept} testid="accept-failed">
              Merge although {doubts.map(({ name }) => `“${name}”`).join(", ")} did not pass
            </Tick>
          )}
          <Tick checked={push} onChange={setPush} testid="push">
            Also push <code className="font-mono text-xs">{pull.base}</code> to the repository it came from,
            if that is a fast-forward
          </Tick>
        </div>
      </Confirm>
    </>
  );
}

function verdict(pull: Pull, doubts: number): string {
  if (doubts > 0) return "";
  return pull.checks.some((check) => check.verdict === "passed")
    ? "Every check passed."
    : "No check has run on it.";
}
