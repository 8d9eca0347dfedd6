/** Reads a server-sent event stream with the newest bearer token, and resumes it after the last event it has. */
import { createParser, type EventSourceMessage } from "eventsource-parser";

export type StreamState = "connecting" | "live" | "waiting" | "ended" | "refused";

/** Where the token of the moment comes from. */
export interface Bearer {
  token(): string | null;
  /** True when there is another token than the refused one by now, false when there is none to be had. */
  renew(refused: string | null): Promise<boolean>;
}

export interface StreamOptions {
  url: string;
  bearer: Bearer;
  signal: AbortSignal;
  /** Resume after this event at the first connection already. */
  lastId?: string | undefined;
  /** Return "stop" when nothing more is wanted: the stream ends and is not opened again. */
  onEvent(event: EventSourceMessage): "stop" | undefined;
  onState?(state: StreamState, status?: number): void;
  /** Milliseconds of silence after which the connection counts as dead. The server speaks every 15 s. */
  silence?: number;
}

const FIRST_DELAY = 1000;
const LONGEST_DELAY = 15_000;

interface Progress {
  lastId: string | undefined;
  delay: number;
  failures: number;
  /** The token is new, and nothing was read with it yet: refused again, it is refused for good. */
  renewed: boolean;
}

/** Resolves when the stream has ended, was refused or aborted; trouble on the way is retried with backoff. */
export async function follow(options: StreamOptions): Promise<void> {
  const progress: Progress = { lastId: options.lastId, delay: FIRST_DELAY, failures: 0, renewed: false };
  while (!options.signal.aborted) {
    options.onState?.("connecting");
    const outcome = await attempt(options, progress);
    if (options.signal.aborted) return;
    if (outcome === "renewed") continue;
    if (outcome !== "retry") return options.onState?.(outcome.state, outcome.status);
    options.onState?.("waiting");
    await pause(backoff(progress), options.signal);
  }
}

type Outcome = "retry" | "renewed" | { state: "ended" | "refused"; status?: number };

async function attempt(options: StreamOptions, progress: Progress): Promise<Outcome> {
  const connection = new AbortController();
  const abort = () => connection.abort();
  options.signal.addEventListener("abort", abort, { once: true });
  try {
    const token = options.bearer.token();
    const response = await fetch(options.url, {
      headers: headers(token, progress),
      signal: connection.signal,
    });
    if (response.status === 401 && !progress.renewed && (await options.bearer.renew(token))) {
      progress.renewed = true;
      return "renewed";
    }
    if (response.status >= 400 && response.status < 500 && response.status !== 429)
      return { state: "refused", status: response.status };
    if (!response.ok || !response.body) return "retry";
    progress.renewed = false;
    options.onState?.("live");
    return (await read(response.body, options, progress, connection)) ? { state: "ended" } : "retry";
  } catch {
    return "retry";
  } finally {
    options.signal.removeEventListener("abort", abort);
    abort();
  }
}

function headers(token: string | null, progress: Progress): HeadersInit {
  const base = { Accept: "text/event-stream", Authorization: `Bearer ${token}` };
  return progress.lastId === undefined ? base : { ...base, "Last-Event-ID": progress.lastId };
}

/** True when the listener said stop, false when the connection ended under us. */
async function read(
  body: ReadableStream<Uint8Array>,
  options: StreamOptions,
  progress: Progress,
  connection: AbortController,
): Promise<boolean> {
  let stopped = false;
  const parser = createParser({
    onEvent(event) {
      if (stopped) return;
      if (event.id !== undefined) progress.lastId = event.id;
      stopped = options.onEvent(event) === "stop";
    },
    onRetry: (milliseconds) => {
      progress.delay = milliseconds;
    },
  });
  const reader = body.getReader();
  connection.signal.addEventListener("abort", () => void reader.cancel().catch(() => undefined), {
    once: true,
  });
  const text = new TextDecoder();
  while (!stopped) {
    const watchdog = setTimeout(() => connection.abort(), options.silence ?? 45_000);
    const { value, done } = await reader.read().finally(() => clearTimeout(watchdog));
    if (done) return false;
    progress.failures = 0;
    parser.feed(text.decode(value, { stream: true }));
  }
  return true;
}

function backoff(progress: Progress): number {
  const ceiling = Math.min(LONGEST_DELAY, progress.delay * 2 ** progress.failures);
  progress.failures += 1;
  return ceiling * (0.5 + Math.random() / 2);
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
