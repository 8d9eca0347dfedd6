/** An agent's name; one that is not a model says so wherever it is named. */
import { Bot, ScrollText } from "lucide-react";

export function AgentName({ name, isModel }: { name: string; isModel: boolean }) {
  const Icon = isModel ? Bot : ScrollText;
  return (
    <span className="inline-flex items-center gap-1 whitespace-nowrap">
      <Icon className="size-3.5 text-ink-faint" aria-hidden="true" />
      {name}
      {!isModel && (
        <span className="rounded border border-line px-1 text-2xs text-ink-faint">not a model</span>
      )}
    </span>
  );
}
