import { screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { describe, expect, it } from "vitest";
import type { Approval } from "@/api/schema";
import { open } from "./open";
import { approval, pull, run } from "./samples";
import { me, page, problem, server } from "./server";

const BLOCKED = run({ status: "blocked", explanation: "playbook asks leave to run make deploy" });

function asks(...asked: Approval[]) {
  server.use(
    http.get("*/api/runs/run_1", () => HttpResponse.json(BLOCKED)),
    http.get("*/api/pulls/pull_1", () => HttpResponse.json(pull())),
    http.get("*/api/approvals", ({ request }) => {
      const query = new URL(request.url).searchParams;
      const fits = query.get("run") === "run_1" && query.get("status") === "pending";
      return HttpResponse.json(fits ? page(...asked) : page());
    }),
  );
}

describe("a run that waits for a person", () => {
  it("shows what is asked as text, never as HTML", async () => {
    asks(approval({ subject: "echo <img src=x onerror=alert(1)>", text: "<b>Run it?</b>" }));
    open("/runs/run_1?tab=checks");
    const waiting = await screen.findByTestId("waiting");
    expect(waiting).toHaveTextContent("Waiting for you");
    expect(waiting).toHaveTextContent("playbook asks leave to run with bash");
    expect(waiting).toHaveTextContent("echo <img src=x onerror=alert(1)>");
    expect(waiting).toHaveTextContent("<b>Run it?</b>");
    expect(waiting).toHaveTextContent("ask: project rule 1 (ask command make.*)");
    expect(waiting.querySelector("img, b")).toBeNull();
  });

  it.each([
    ["allow-once", { scope: "once" }, "Allowed this once."],
    ["allow-always", { scope: "always" }, "The project has a new rule: allow command make deploy"],
  ] as const)("is answered by %s for what was seen", async (button, body, words) => {
    const sent: unknown[] = [];
    asks(approval());
    server.use(
      http.post("*/api/approvals/appr_1/approve", async ({ request }) => {
        sent.push([await request.json(), request.headers.get("If-Match")]);
        const made_rule = body.scope === "always" ? "allow command make deploy" : null;
        return HttpResponse.json(approval({ state: "granted", allowed: true, made_rule }));
      }),
    );
    const { user } = open("/runs/run_1?tab=checks");
    await user.click(await screen.findByTestId(button));
    expect(await screen.findByText(words)).toBeVisible();
    expect(sent).toEqual([[body, '"pending-dddddddddddddddd"']]);
  });

  it("says who was quicker", async () => {
    asks(approval());
    server.use(
      http.post("*/api/approvals/appr_1/deny", () =>
        problem(409, "approval_decided", "appr_1 is granted already: ada decided it."),
      ),
    );
    const { user } = open("/runs/run_1?tab=checks");
    await user.click(await screen.findByTestId("deny"));
    expect(await screen.findByText("appr_1 is granted already: ada decided it.")).toBeVisible();
  });

  it("offers always only to those who may change rules, and no answer to those who may not review", async () => {
    asks(approval());
    server.use(
      http.get("*/api/auth/me", () =>
        HttpResponse.json(me({ role: "reviewer", rights: ["read", "review"] })),
      ),
    );
    open("/runs/run_1?tab=checks");
    const asked = await screen.findByTestId("asked");
    expect(within(asked).getByTestId("allow-once")).toBeVisible();
    expect(within(asked).queryByTestId("allow-always")).toBeNull();
  });

  it("offers nothing to a viewer", async () => {
    asks(approval());
    server.use(http.get("*/api/auth/me", () => HttpResponse.json(me({ role: "viewer", rights: ["read"] }))));
    open("/runs/run_1?tab=checks");
    expect(await screen.findByText("Somebody who may review answers it.")).toBeVisible();
    expect(screen.queryByTestId("allow-once")).toBeNull();
  });

  it("says in the list what is asked", async () => {
    server.use(http.get("*/api/runs", () => HttpResponse.json(page(BLOCKED))));
    open("/runs");
    await waitFor(() =>
      expect(screen.getByTestId("run-row")).toHaveTextContent("asks leave to run make deploy"),
    );
    expect(screen.getByTestId("run-row")).toHaveTextContent("Needs you");
  });
});
