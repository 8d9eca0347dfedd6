/** The server as the console sees it, played by msw: signed in, empty, and quiet until a test says otherwise. */
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import type { Me } from "@/api/rights";

export const me = (part: Partial<Me> = {}): Me => ({
  name: "operator",
  display_name: null,
  kind: "owner",
  role: "admin",
  rights: ["read", "tasks", "lease", "report", "review", "operate", "admin"],
  projects: {},
  people_exist: true,
  ...part,
});

export const page = <T>(...items: T[]) => ({ items, next_cursor: null });

export const problem = (status: number, code: string, detail: string) =>
  HttpResponse.json(
    { type: "about:blank", title: code, status, detail, code },
    { status, headers: { "Content-Type": "application/problem+json" } },
  );

/** A stream that says these things and then stays open, or ends. */
export function stream(text: string, { open = true } = {}): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      if (!open) controller.close();
    },
  });
  return new HttpResponse(body, { headers: { "Content-Type": "text/event-stream" } });
}

export const server = setupServer(
  http.get("*/api/auth/me", () => HttpResponse.json(me())),
  http.get("*/api/projects", () => HttpResponse.json(page())),
  http.get("*/api/profiles", () => HttpResponse.json(page())),
  http.get("*/api/runs", () => HttpResponse.json(page())),
  http.get("*/api/pulls", () => HttpResponse.json(page())),
  http.get("*/api/collab/events/tail", () => stream("id: 1\nretry: 2000\n\n")),
);
