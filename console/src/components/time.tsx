/** How long ago, with the exact time on hover. */
import { ago, exact } from "@/lib/format";

export function Ago({ time, now }: { time: string; now: number }) {
  return (
    <time dateTime={time} title={exact(time)} className="whitespace-nowrap">
      {ago(time, now)}
    </time>
  );
}
