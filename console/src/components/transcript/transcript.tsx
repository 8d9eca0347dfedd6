/** The terminal of a run as it was and as it goes on: live, searchable, paused while one reads further up. */
import { ArrowDownToLine, Download, Search, TerminalSquare } from "lucide-react";
import { type KeyboardEvent, useState } from "react";
import { toast } from "sonner";
import { downloadRecording } from "@/api/download-recording";
import { sentence } from "@/api/problem";
import { cn } from "@/lib/cn";
import type { StreamState } from "@/lib/sse";
import { Button } from "../button";
import { inputStyle } from "../field";
import { useTranscript } from "./use-transcript";

const STATES: Record<StreamState, { label: string; tone: string }> = {
  connecting: { label: "Connecting", tone: "text-ink-soft" },
  live: { label: "Live", tone: "text-good" },
  waiting: { label: "Reconnecting", tone: "text-warn" },
  ended: { label: "Complete", tone: "text-ink-soft" },
  refused: { label: "Not available", tone: "text-bad" },
};

export default function Transcript({ runId }: { runId: string }) {
  const { frame, state, empty, behind, find, toEnd } = useTranscript(runId);
  return (
    <section aria-label="Transcript" className="flex flex-col" data-testid="transcript" data-state={state}>
      <div className="flex h-11 items-center gap-3 border-line border-b px-4">
        <State state={state} />
        <div className="ml-auto flex items-center gap-1">
          <Find find={find} />
          <Save runId={runId} />
        </div>
      </div>
      <div className="relative overflow-x-auto bg-terminal">
        <div ref={frame} className="min-h-80 px-4 py-3" data-testid="terminal" />
        {empty && <Waiting state={state} />}
        {behind && (
          <Button
            size="small"
            className="absolute right-6 bottom-4 shadow-pop"
            onClick={toEnd}
            data-testid="to-end"
          >
            <ArrowDownToLine aria-hidden="true" />{" "}
            {state === "live" ? "Paused · go to the end" : "Go to the end"}
          </Button>
        )}
      </div>
    </section>
  );
}

function State({ state }: { state: StreamState }) {
  const { label, tone } = STATES[state];
  return (
    <span
      className={cn("flex items-center gap-1.5 font-medium text-xs", tone)}
      data-testid="transcript-state"
    >
      <span className={cn("size-1.5 rounded-full bg-current", state === "live" && "animate-breathe")} />
      {label}
    </span>
  );
}

function Waiting({ state }: { state: StreamState }) {
  const over = state === "ended" || state === "refused";
  return (
    <div className="absolute inset-0 flex flex-col items-center justify-center gap-2 bg-terminal text-ink-soft">
      <TerminalSquare className="size-5 text-ink-faint" aria-hidden="true" />
      <p>{over ? "The agent printed nothing in this run." : "Waiting for the agent's first output…"}</p>
    </div>
  );
}

function Find({ find }: { find: (text: string) => boolean }) {
  const [text, setText] = useState("");
  const [missing, setMissing] = useState(false);
  const search = () => setMissing(!find(text));
  const onKey = (event: KeyboardEvent) => event.key === "Enter" && search();
  return (
    <div className="relative">
      <Search className="absolute top-2 left-2 size-3 text-ink-faint" aria-hidden="true" />
      <input
        type="search"
        value={text}
        aria-label="Search the transcript"
        placeholder="Search"
        title={missing ? "Not found" : "Enter finds the next"}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKey}
        data-testid="transcript-search"
        className={cn(inputStyle, "h-7 w-40 pl-7 text-xs", missing && text && "border-bad")}
      />
      <span role="status" className="sr-only">
        {missing && text ? "Not found" : ""}
      </span>
    </div>
  );
}

function Save({ runId }: { runId: string }) {
  const save = () => downloadRecording(runId).catch((error: unknown) => void toast.error(sentence(error)));
  return (
    <Button
      look="quiet"
      size="icon"
      onClick={save}
      aria-label="Download the recording"
      title="Download the recording (asciicast)"
    >
      <Download aria-hidden="true" />
    </Button>
  );
}
