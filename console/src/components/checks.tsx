/** Checks with their verdict and the last lines of what they printed. */
import { ChevronRight, FlaskConical } from "lucide-react";
import type { Check } from "@/api/schema";
import { plain } from "@/lib/ansi";
import { duration, shortSha } from "@/lib/format";
import { Empty } from "./states";
import { VerdictLabel } from "./status";

export function Checks({ checks }: { checks: readonly Check[] }) {
  if (checks.length === 0)
    return (
      <Empty icon={FlaskConical} title="No checks yet">
        They run in the worktree once the agent is done. The command comes from{" "}
        <code className="font-mono text-xs">kyros.toml</code> in the repository.
      </Empty>
    );
  return (
    <ul className="flex flex-col gap-3 p-4" data-testid="checks">
      {checks.map((check) => (
        <li key={check.name} className="overflow-hidden rounded-lg border border-line bg-panel">
          <CheckCard check={check} />
        </li>
      ))}
    </ul>
  );
}

function CheckCard({ check }: { check: Check }) {
  if (!check.output)
    return (
      <div className="px-3.5 py-3">
        <Heading check={check} />
      </div>
    );
  return (
    <details open={check.verdict !== "passed"} className="group">
      <summary className="flex list-none items-center gap-2 px-3.5 py-3 focus-visible:-outline-offset-2">
        <ChevronRight
          className="size-3.5 shrink-0 text-ink-faint transition-transform group-open:rotate-90"
          aria-hidden="true"
        />
        <Heading check={check} />
      </summary>
      <section
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
        tabIndex={0}
        aria-label={`Output of ${check.name}`}
        className="max-h-120 overflow-auto border-line border-t bg-terminal px-4 py-3 focus-visible:-outline-offset-2"
      >
        <pre className="font-mono text-ink-soft text-xs leading-relaxed" data-testid="check-output">
          {plain(check.output)}
        </pre>
      </section>
    </details>
  );
}

function Heading({ check }: { check: Check }) {
  return (
    <div className="flex min-w-0 flex-1 flex-wrap items-center gap-x-3 gap-y-1" data-testid="check">
      <VerdictLabel verdict={check.verdict} />
      <code className="font-medium font-mono text-sm">{check.name}</code>
      <span className="text-ink-soft">{check.summary}</span>
      <span className="ml-auto flex items-center gap-3 text-ink-faint text-xs tabular-nums">
        {check.verdict !== "pending" && <span>{duration(check.duration_ms)}</span>}
        {check.head_sha && <code className="font-mono">{shortSha(check.head_sha)}</code>}
      </span>
    </div>
  );
}
