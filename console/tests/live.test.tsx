import { screen, waitFor } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { expect, test } from "vitest";
import { session, takeTokenFromAddress } from "@/api/session";
import { open } from "./open";
import { pull, run } from "./samples";
import { page, server } from "./server";

/** An event stream a test can speak on. */
function eventStream() {
  let say: (text: string) => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    server.use(
      http.get("*/api/collab/events/tail", () => {
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            say = (text) => controller.enqueue(new TextEncoder().encode(text));
            say(": hello\n\n");
            resolve();
          },
        });
        return new HttpResponse(body, { headers: { "Content-Type": "text/event-stream" } });
      }),
    );
  });
  const event = (id: number, details: object) =>
    say(
      `id: ${id}\ndata: ${JSON.stringify({ id, ts: "", event: "e", actor: "a", target: "t", details })}\n\n`,
    );
  return { opened, event, say: (text: string) => say(text) };
}

test("an event makes the run it names old, and the list, and nothing else", async () => {
  const asked: string[] = [];
  let title = "Before";
  const count = (name: string, body: () => object) => () => {
    asked.push(name);
    return HttpResponse.json(body());
  };
  server.use(
    http.get(
      "*/api/runs/run_1",
      count("run", () => run({ task_title: title })),
    ),
    http.get(
      "*/api/pulls/pull_1",
      count("pull", () => pull()),
    ),
  );
  const { opened, event } = eventStream();
  open("/runs/run_1?tab=checks");
  await opened;
  await screen.findByText("Before");
  await waitFor(() => expect(screen.getByTestId("connection")).toHaveTextContent("Live"));
  await new Promise((resolve) => setTimeout(resolve, 50));
  asked.length = 0;
  title = "After";
  event(5, { run_id: "run_1" });
  expect(await screen.findByText("After")).toBeVisible();
  expect(asked).toEqual(["run"]);
});

test("a stream that cannot be resumed makes everything old", async () => {
  let title = "Before";
  server.use(http.get("*/api/runs", () => HttpResponse.json(page(run({ task_title: title })))));
  const { opened, say } = eventStream();
  open("/runs");
  await opened;
  await screen.findByText("Before");
  title = "After";
  say('event: reset\nid: 9\ndata: {"last_id":9}\n\n');
  expect(await screen.findByText("After")).toBeVisible();
});

test("a token behind the # signs in and leaves the address at once", () => {
  history.replaceState(null, "", "/pulls?state=open#token=from-the-terminal");
  takeTokenFromAddress();
  expect(session.token()).toBe("from-the-terminal");
  expect(location.pathname + location.search + location.hash).toBe("/pulls?state=open");
});
