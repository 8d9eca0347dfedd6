/** The turns of a run: how each ended, what it cost, what it asked leave for. */
import { Check, Hand, MessagesSquare, TimerOff, X } from "lucide-react";
import type { ReactNode } from "react";
import type { Approval, Turn } from "@/api/schema";
import { useTurns } from "@/api/use-turns";
import { RichLine } from "@/components/rich-line";
import { Empty, LoadingRows, Trouble } from "@/components/states";
import { cn } from "@/lib/cn";
import { bytes, cost, count, duration, elapsed, exact, ticking, words } from "@/lib/format";

export function Turns({ runId, now }: { runId: string; now: number }) {
  const turns = useTurns(runId);
  if (turns.isPending) return <LoadingRows label="Loading turns" rows={2} />;
  if (turns.isError) return <Trouble error={turns.error} onRetry={() => void turns.refetch()} />;
  if (turns.data.items.length === 0)
    return (
      <Empty icon={MessagesSquare} title="No turns yet">
        A turn is one prompt to the agent until it is done. It begins when the worktree is ready.
      </Empty>
    );
  return (
    <ol className="flex flex-col gap-4 p-4" data-testid="turns">
      {turns.data.items.map((turn, index) => (
        <TurnCard key={turn.id} turn={turn} number={index + 1} now={now} />
      ))}
    </ol>
  );
}

function TurnCard({ turn, number, now }: { turn: Turn; number: number; now: number }) {
  const lasts = turn.ended_at === null;
  const time = lasts ? ticking(elapsed(turn.started_at, null, now) ?? 0) : duration(turn.duration_ms);
  return (
    <li className="overflow-hidden rounded-lg border border-line bg-panel" data-testid="turn">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-3">
        <h3 className="font-medium text-base">Turn {number}</h3>
        <Result kind={turn.result_kind} />
        <span className="text-ink-soft">{turn.agent}</span>
        <span className="ml-auto text-ink-faint text-xs tabular-nums" title={exact(turn.started_at)}>
          {time}
        </span>
      </div>
      {(turn.evidence || turn.note) && (
        <p className="wrap-anywhere whitespace-pre-wrap px-4 pb-3 text-ink-soft">
          {turn.evidence && (
            <>
              <span className="text-ink-faint">Decided by: </span>
              <RichLine text={turn.evidence} />
            </>
          )}
          {turn.evidence && turn.note && <br />}
          <RichLine text={turn.note} />
        </p>
      )}
      <Figures turn={turn} />
      <Approvals approvals={turn.approvals} />
    </li>
  );
}

function Result({ kind }: { kind: Turn["result_kind"] }) {
  const isDone = kind === "ok" || kind === "compacted";
  const tone =
    kind === null ? "text-live bg-live-wash" : isDone ? "text-good bg-good-wash" : "text-bad bg-bad-wash";
  const word = kind === null ? "Working" : kind === "ok" ? "Done" : words(kind);
  return <span className={cn("rounded-full px-2 py-0.5 font-medium text-xs", tone)}>{word}</span>;
}

function Figures({ turn }: { turn: Turn }) {
  return (
    <dl className="grid grid-cols-[repeat(auto-fill,minmax(6.5rem,1fr))] border-line border-t px-2 py-1">
      <Figure label="Driven over">{turn.tier}</Figure>
      <Figure label="Model">{turn.model ?? "–"}</Figure>
      <Figure label="Tokens in">{count(turn.input_tokens)}</Figure>
      <Figure label="Tokens out">{count(turn.output_tokens)}</Figure>
      <Figure label="From cache">{count(turn.cache_read_tokens)}</Figure>
      <Figure label="Cost">{cost(turn.cost_usd)}</Figure>
      <Figure label="Output">{bytes(turn.bytes_streamed)}</Figure>
    </dl>
  );
}

function Figure({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="flex min-w-0 flex-col px-2 py-1.5">
      <dt className="text-2xs text-ink-faint">{label}</dt>
      <dd className="truncate tabular-nums">{children}</dd>
    </div>
  );
}

function Approvals({ approvals }: { approvals: readonly Approval[] }) {
  if (approvals.length === 0)
    return (
      <p className="border-line border-t px-4 py-2.5 text-ink-faint text-xs">It asked leave for nothing.</p>
    );
  return (
    <div className="border-line border-t">
      <h4 className="px-4 pt-2.5 font-medium text-ink-soft text-xs">Asked leave for</h4>
      <ul className="flex flex-col py-1.5" data-testid="approvals">
        {approvals.map((approval) => (
          <li key={approval.id} className="flex items-center gap-3 px-4 py-1 text-xs">
            <Verdict state={approval.state} />
            <span className="w-16 shrink-0 text-ink-faint">{approval.kind}</span>
            <code className="min-w-0 flex-1 truncate font-mono" title={approval.subject}>
              {approval.subject}
            </code>
            <span className="shrink-0 text-ink-faint" title={exact(approval.asked_at)}>
              {decider(approval)}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** The rule, or the person it had asked. */
const decider = ({ decided_by, rule }: Approval) =>
  decided_by === null || decided_by === "policy" ? rule : decided_by;

const VERDICTS = {
  pending: { word: "Asked", icon: Hand, tone: "text-warn" },
  granted: { word: "Allowed", icon: Check, tone: "text-good" },
  denied: { word: "Denied", icon: X, tone: "text-bad" },
  expired: { word: "Expired", icon: TimerOff, tone: "text-bad" },
  withdrawn: { word: "Withdrawn", icon: X, tone: "text-ink-faint" },
} as const;

function Verdict({ state }: { state: Approval["state"] }) {
  const { word, icon: Icon, tone } = VERDICTS[state];
  return (
    <span className={cn("flex w-22 shrink-0 items-center gap-1 font-medium", tone)}>
      <Icon className="size-3.5" aria-hidden="true" />
      {word}
    </span>
  );
}
