/** Whether what is on screen is live, and if not, since when. */
import { type Connection, connection } from "@/api/events";
import { cn } from "@/lib/cn";
import { ticking } from "@/lib/format";
import { useNow } from "@/lib/now";
import { useStore } from "@/lib/store";

const LOOKS: Record<Connection["state"], { label: string; tone: string; ground: string }> = {
  connecting: { label: "Connecting", tone: "text-ink-soft", ground: "bg-ink-faint" },
  live: { label: "Live", tone: "text-ink-soft", ground: "bg-good" },
  waiting: { label: "Offline", tone: "text-warn", ground: "bg-warn" },
  ended: { label: "Offline", tone: "text-warn", ground: "bg-warn" },
  refused: { label: "Refused", tone: "text-bad", ground: "bg-bad" },
};

export function ConnectionPill() {
  const { state, since } = useStore(connection);
  const lost = state !== "live";
  const now = useNow(lost);
  const { label, tone, ground } = LOOKS[state];
  const age = now - since;
  return (
    <span
      role="status"
      data-testid="connection"
      data-state={state}
      title={
        lost
          ? "What you see may be old; it is fetched again once the connection is back."
          : "Changes appear by themselves."
      }
      className={cn("flex items-center gap-1.5 text-xs", tone)}
    >
      <span className={cn("size-1.5 rounded-full", ground, state === "connecting" && "animate-breathe")} />
      {label}
      {lost && age > 5000 && <span className="tabular-nums"> · {ticking(age)}</span>}
    </span>
  );
}
