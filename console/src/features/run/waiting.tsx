/** What the run's agent asks leave for, as text and never as HTML, and the answers to it. */
import { Check, CheckCheck, Hand, X } from "lucide-react";
import { toast } from "sonner";
import { sentence } from "@/api/problem";
import type { Approval, Run } from "@/api/schema";
import { useApprove } from "@/api/use-approve";
import { useDeny } from "@/api/use-deny";
import { useMay } from "@/api/use-may";
import { usePendingApprovals } from "@/api/use-pending-approvals";
import { Button } from "@/components/button";
import { LoadingRows, Trouble } from "@/components/states";
import { exact } from "@/lib/format";

const VERBS: Record<Approval["kind"], string> = {
  read: "to read",
  write: "to write",
  command: "to run",
  network: "to reach",
  other: "for",
};

export function Waiting({ run }: { run: Run }) {
  const pending = usePendingApprovals(run.id);
  if (pending.isPending) return <LoadingRows label="Loading what is asked" rows={1} />;
  if (pending.isError) return <Trouble error={pending.error} onRetry={() => void pending.refetch()} />;
  if (pending.data.items.length === 0) return null;
  return (
    <section
      aria-labelledby="waiting-title"
      className="mx-6 my-4 rounded-lg border border-warn/30 bg-warn-wash px-4 py-3 max-sm:mx-4"
      data-testid="waiting"
    >
      <h2 id="waiting-title" className="flex items-center gap-2 font-medium text-warn">
        <Hand className="size-4 shrink-0" aria-hidden="true" /> Waiting for you
      </h2>
      <ul className="flex flex-col gap-4 pt-2">
        {pending.data.items.map((approval) => (
          <Asked key={approval.id} approval={approval} projectId={run.project_id} />
        ))}
      </ul>
    </section>
  );
}

function Asked({ approval, projectId }: { approval: Approval; projectId: string }) {
  return (
    <li className="flex flex-col gap-2" data-testid="asked">
      <p>
        <span className="font-medium">{approval.agent}</span> asks leave {VERBS[approval.kind]}
        {approval.tool && (
          <span className="text-ink-soft">
            {" "}
            with <code className="font-mono text-xs">{approval.tool}</code>
          </span>
        )}
      </p>
      {approval.subject && (
        <pre className="wrap-anywhere max-h-48 overflow-auto whitespace-pre-wrap rounded-md border border-line bg-panel px-3 py-2 font-mono text-xs">
          {approval.subject}
        </pre>
      )}
      {approval.text && approval.text !== approval.subject && (
        <details className="text-xs">
          <summary className="cursor-pointer text-ink-soft">What the agent showed</summary>
          <pre className="wrap-anywhere mt-1 max-h-48 overflow-auto whitespace-pre-wrap font-mono">
            {approval.text}
          </pre>
        </details>
      )}
      <p className="text-ink-soft text-xs">
        By the rule <code className="font-mono">{approval.rule}</code>.
        {approval.expires_at && ` Without an answer it is a no at ${exact(approval.expires_at)}.`}
      </p>
      <Answers approval={approval} projectId={projectId} />
    </li>
  );
}

function Answers({ approval, projectId }: { approval: Approval; projectId: string }) {
  const may = useMay("review", projectId);
  const mayAlways = useMay("operate", projectId);
  const approve = useApprove();
  const deny = useDeny();
  const busy = approve.isPending || deny.isPending;
  const path = { approval_id: approval.id };
  const header = { "if-match": approval.etag };
  // Promises, not callbacks of `mutate`: the answer may take this panel away before it is told.
  const onError = (error: unknown) => void toast.error(sentence(error));
  const allow = (scope: "once" | "always") =>
    void approve
      .mutateAsync({ params: { path, header }, body: { scope } })
      .then(
        ({ made_rule }) =>
          void toast.success(made_rule ? `The project has a new rule: ${made_rule}` : "Allowed this once."),
        onError,
      );
  const refuse = () =>
    void deny
      .mutateAsync({ params: { path, header }, body: { note: "" } })
      .then(() => void toast.success("Denied."), onError);
  if (!may) return <p className="text-ink-soft text-xs">Somebody who may review answers it.</p>;
  return (
    <div className="flex flex-wrap gap-2">
      <Button look="primary" onClick={() => allow("once")} disabled={busy} data-testid="allow-once">
        <Check aria-hidden="true" /> Allow once
      </Button>
      {mayAlways && approval.kind !== "other" && (
        <Button onClick={() => allow("always")} disabled={busy} data-testid="allow-always">
          <CheckCheck aria-hidden="true" /> Always allow
        </Button>
      )}
      <Button onClick={refuse} disabled={busy} data-testid="deny">
        <X aria-hidden="true" /> Deny
      </Button>
    </div>
  );
}
