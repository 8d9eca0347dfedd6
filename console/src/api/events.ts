/** The event stream, one for all tabs: whoever holds the lock reads it and passes it on to the others. */
import { apiUrl, basePath } from "@/lib/address";
import { follow, type StreamState } from "@/lib/sse";
import { createStore } from "@/lib/store";
import { session } from "./session";

export interface Event {
  id: number;
  event: string;
  target: string;
  details: Record<string, unknown>;
}

export interface Connection {
  state: StreamState;
  /** When it came into this state, in milliseconds since 1970. */
  since: number;
}

type News = { event: Event } | { reset: true } | { connection: Connection } | { asking: true };

export interface Listener {
  onEvent(event: Event): void;
  /** The stream cannot be resumed: whatever is on screen may be old. */
  onReset(): void;
}

export const connection = createStore<Connection>({ state: "connecting", since: Date.now() });

/** Follows events until aborted. Without locks (plain http on a network address) each tab reads for itself. */
export function followEvents(listener: Listener, signal: AbortSignal): void {
  const channel = new BroadcastChannel(`kyros.events${basePath()}`);
  signal.addEventListener("abort", () => channel.close(), { once: true });
  const tab = new Tab(listener, channel, signal);
  channel.onmessage = (message: MessageEvent<News>) => tab.hear(message.data);
  channel.postMessage({ asking: true } satisfies News);
  if (!navigator.locks) void tab.lead();
  else
    navigator.locks.request(`kyros.events${basePath()}`, { signal }, () => tab.lead()).catch(() => undefined);
}

class Tab {
  private lastId: string | undefined;
  private leading = false;

  constructor(
    private readonly listener: Listener,
    private readonly channel: BroadcastChannel,
    private readonly signal: AbortSignal,
  ) {}

  hear(news: News): void {
    if ("asking" in news) {
      if (this.leading) this.channel.postMessage({ connection: connection.get() } satisfies News);
    } else if ("connection" in news) connection.set(news.connection);
    else if ("reset" in news) this.listener.onReset();
    else {
      this.lastId = String(news.event.id);
      this.listener.onEvent(news.event);
    }
  }

  async lead(): Promise<void> {
    this.leading = true;
    await follow({
      url: apiUrl("/api/collab/events/tail"),
      bearer: session,
      signal: this.signal,
      lastId: this.lastId,
      onState: (state) => this.report(state),
      onEvent: ({ event, data }) => {
        this.tell(event === "reset" ? { reset: true } : { event: JSON.parse(data) as Event });
        return undefined;
      },
    });
    this.leading = false;
  }

  private report(state: StreamState): void {
    // Without a number to resume after, what happened before the stream was open is not on it.
    if (state === "live" && this.lastId === undefined) this.tell({ reset: true });
    this.tell({ connection: { state, since: Date.now() } });
  }

  private tell(news: News): void {
    if (this.signal.aborted) return;
    this.channel.postMessage(news);
    this.hear(news);
  }
}
