/** The live bytes of a run's terminal, from its beginning, without gap or repeat. */
import { apiUrl } from "@/lib/address";
import { follow, type StreamState } from "@/lib/sse";
import { session } from "./session";

export interface TranscriptListener {
  onSize(columns: number, rows: number): void;
  onOutput(bytes: Uint8Array): void;
  onState(state: StreamState): void;
}

const decode = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));

export function followTranscript(
  runId: string,
  listener: TranscriptListener,
  signal: AbortSignal,
): Promise<void> {
  return follow({
    url: apiUrl(`/api/runs/${encodeURIComponent(runId)}/log`),
    bearer: session,
    signal,
    onState: (state) => listener.onState(state),
    onEvent({ event, data }) {
      if (event === "end") return "stop";
      if (event === "output" && data) listener.onOutput(decode(data));
      if (event === "size") {
        const size = JSON.parse(data) as { columns: number; rows: number };
        listener.onSize(size.columns, size.rows);
      }
      return undefined;
    },
  });
}
