import { HttpResponse, http } from "msw";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { follow, type StreamState } from "@/lib/sse";
import { server, stream } from "./server";

const URL_ = "http://localhost:3000/api/tail";

const bearer = { token: () => "good", renew: async () => false };

interface Seen {
  events: string[];
  states: StreamState[];
  resumed: (string | null)[];
}

/** Follows a stream that answers these things one after the other, until an event named `end`. */
async function read(answers: (() => Response)[], silence?: number): Promise<Seen> {
  const seen: Seen = { events: [], states: [], resumed: [] };
  server.use(
    http.get("*/api/tail", ({ request }) => {
      seen.resumed.push(request.headers.get("Last-Event-ID"));
      expect(request.headers.get("Authorization")).toBe("Bearer good");
      return answers[seen.resumed.length - 1]?.() ?? stream("event: end\ndata: {}\n\n");
    }),
  );
  await follow({
    url: URL_,
    bearer,
    signal: new AbortController().signal,
    ...(silence && { silence }),
    onState: (state) => seen.states.push(state),
    onEvent: ({ event, data }) => {
      if (event === "end") return "stop";
      seen.events.push(data);
      return undefined;
    },
  });
  return seen;
}

describe("following a stream", () => {
  beforeEach(() => void vi.spyOn(Math, "random").mockReturnValue(0));

  it("passes events on and stops for good when told to", async () => {
    const seen = await read([
      () => stream("data: one\n\ndata: two\n\nevent: end\ndata: {}\n\ndata: late\n\n"),
    ]);
    expect(seen.events).toEqual(["one", "two"]);
    expect(seen.states).toEqual(["connecting", "live", "ended"]);
    expect(seen.resumed).toEqual([null]);
  });

  it("resumes after the last event it has, without gap or repeat", async () => {
    const seen = await read([
      () => stream("retry: 1\nid: 7\ndata: one\n\n", { open: false }),
      () => stream("id: 9\ndata: two\n\nid: 10\n", { open: false }),
    ]);
    expect(seen.events).toEqual(["one", "two"]);
    expect(seen.resumed).toEqual([null, "7", "9"]);
    expect(seen.states.filter((state) => state === "waiting")).toHaveLength(2);
  });

  it("tries again when the server is in trouble", async () => {
    const seen = await read([
      () => stream("retry: 1\ndata: one\n\n", { open: false }),
      () => new HttpResponse(null, { status: 503 }),
      () => HttpResponse.error(),
    ]);
    expect(seen.events).toEqual(["one"]);
    expect(seen.resumed).toHaveLength(4);
  });

  it.each([401, 403, 404])("gives up when it is refused with %s", async (status) => {
    const seen = await read([() => new HttpResponse(null, { status })]);
    expect(seen.states).toEqual(["connecting", "refused"]);
    expect(seen.resumed).toHaveLength(1);
  });

  it("goes on with a new token after a 401, at once and without gap or repeat", async () => {
    const sent: string[] = [];
    let token = "old";
    server.use(
      http.get("*/api/tail", ({ request }) => {
        sent.push(`${request.headers.get("Authorization")} ${request.headers.get("Last-Event-ID")}`);
        if (sent.length === 1) return stream("retry: 1\nid: 7\ndata: one\n\n", { open: false });
        if (sent.length === 2) return new HttpResponse(null, { status: 401 });
        return stream("event: end\ndata: {}\n\n");
      }),
    );
    const states: StreamState[] = [];
    const renew = async (refused: string | null) => {
      expect(refused).toBe("old");
      token = "new";
      return true;
    };
    await follow({
      url: URL_,
      bearer: { token: () => token, renew },
      signal: new AbortController().signal,
      onState: (state) => states.push(state),
      onEvent: ({ event }) => (event === "end" ? "stop" : undefined),
    });
    expect(sent).toEqual(["Bearer old null", "Bearer old 7", "Bearer new 7"]);
    expect(states).toEqual(["connecting", "live", "waiting", "connecting", "connecting", "live", "ended"]);
  });

  it("gives up when the new token is refused as well", async () => {
    let asked = 0;
    server.use(
      http.get("*/api/tail", () => {
        asked += 1;
        return new HttpResponse(null, { status: 401 });
      }),
    );
    const states: StreamState[] = [];
    await follow({
      url: URL_,
      bearer: { token: () => "any", renew: async () => true },
      signal: new AbortController().signal,
      onState: (state) => states.push(state),
      onEvent: () => undefined,
    });
    expect(asked).toBe(2);
    expect(states.at(-1)).toBe("refused");
  });

  it("tries again when the token cannot be renewed for now", async () => {
    let asked = 0;
    server.use(
      http.get("*/api/tail", () => {
        asked += 1;
        if (asked === 1) return stream("retry: 1\n\n", { open: false });
        return asked === 2 ? new HttpResponse(null, { status: 401 }) : stream("event: end\ndata: {}\n\n");
      }),
    );
    await follow({
      url: URL_,
      bearer: { token: () => "any", renew: () => Promise.reject(new TypeError("offline")) },
      signal: new AbortController().signal,
      onEvent: ({ event }) => (event === "end" ? "stop" : undefined),
    });
    expect(asked).toBe(3);
  });

  it("takes silence for a dead connection", async () => {
    const seen = await read([() => stream("retry: 1\nid: 3\ndata: one\n\n")], 30);
    expect(seen.events).toEqual(["one"]);
    expect(seen.resumed).toEqual([null, "3"]);
  });

  it("keeps letters whole that arrive in two pieces", async () => {
    const bytes = new TextEncoder().encode("data: grüße\n\nevent: end\ndata: {}\n\n");
    const cut = 9;
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(bytes.slice(0, cut));
        await Promise.resolve();
        controller.enqueue(bytes.slice(cut));
        controller.close();
      },
    });
    expect((await read([() => new HttpResponse(body)])).events).toEqual(["grüße"]);
  });

  it("ends at once when it is aborted", async () => {
    const life = new AbortController();
    server.use(http.get("*/api/tail", () => stream("data: one\n\n")));
    const states: StreamState[] = [];
    await follow({
      url: URL_,
      bearer,
      signal: life.signal,
      onState: (state) => states.push(state),
      onEvent: () => void life.abort() as undefined,
    });
    expect(states).toEqual(["connecting", "live"]);
  });
});
