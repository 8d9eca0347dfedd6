/** One pull request in the list: state, title, where from and to, how its checks stand. */
import { ArrowRight } from "lucide-react";
import { Link } from "react-router";
import type { Pull } from "@/api/schema";
import { PullIcon, VerdictLabel } from "@/components/status";
import { Ago } from "@/components/time";

export function PullRow({ pull, now }: { pull: Pull; now: number }) {
  const worst = pull.checks.find((check) => check.verdict !== "passed") ?? pull.checks[0];
  return (
    <li className="border-line border-b" data-testid="pull-row">
      <Link
        to={`/pulls/${pull.id}`}
        className="grid grid-cols-[1rem_minmax(0,1fr)_8rem_6rem] items-center gap-x-4 px-6 py-2.5 hover:bg-hover focus-visible:-outline-offset-2 max-sm:grid-cols-[1rem_minmax(0,1fr)] max-sm:px-4"
      >
        <PullIcon state={pull.state} />
        <span className="flex min-w-0 flex-col">
          <span className="flex min-w-0 gap-1.5 text-base">
            <span className="truncate font-medium">{pull.title}</span>
            <span className="text-ink-faint">#{pull.number}</span>
          </span>
          <span className="flex min-w-0 items-center gap-2 text-ink-faint text-xs">
            <span className="whitespace-nowrap text-ink-soft">{pull.project}</span>
            <span className="truncate font-mono">{pull.head}</span>
            <ArrowRight className="size-3 shrink-0" aria-label="into" />
            <span className="whitespace-nowrap font-mono">{pull.base}</span>
          </span>
        </span>
        <span className="max-sm:hidden">{worst && <VerdictLabel verdict={worst.verdict} />}</span>
        <span className="text-right text-ink-faint text-xs max-sm:hidden">
          <Ago time={pull.updated_at} now={now} />
        </span>
      </Link>
    </li>
  );
}
