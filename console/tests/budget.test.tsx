import { screen } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { describe, expect, it } from "vitest";
import { open } from "./open";
import { pull, run } from "./samples";
import { me, problem, server } from "./server";

const SAID = "The budget run/run_1 is used up: 9.0 of 9 minutes in all.";

function waits(budget = { tokens: null, usd: null, minutes: 9 } as ReturnType<typeof run>["budget"]) {
  const blocked = run({ status: "blocked", reason: "budget", explanation: SAID, budget });
  server.use(
    http.get("*/api/runs/run_1", () => HttpResponse.json(blocked)),
    http.get("*/api/pulls/pull_1", () => HttpResponse.json(pull())),
  );
}

describe("a run whose budget is used up", () => {
  it("says so, and can be tried again or stopped", async () => {
    waits();
    open("/runs/run_1?tab=checks");
    expect(await screen.findByTestId("reason")).toHaveTextContent(SAID);
    expect(screen.getByTestId("retry")).toBeVisible();
    expect(screen.getByTestId("stop")).toBeVisible();
  });

  it("is given more of what is limited, and goes on", async () => {
    const sent: unknown[] = [];
    waits();
    server.use(
      http.post("*/api/runs/run_1/budget", async ({ request }) => {
        sent.push(await request.json());
        return HttpResponse.json(run());
      }),
    );
    const { user } = open("/runs/run_1?tab=checks");
    const give = await screen.findByTestId("give");
    expect(give).toBeDisabled();
    expect(screen.queryByTestId("more-usd")).toBeNull();
    await user.type(screen.getByTestId("more-minutes"), "2.5");
    await user.click(give);
    expect(await screen.findByText("The run goes on.")).toBeVisible();
    expect(sent).toEqual([{ minutes: 2.5 }]);
  });

  it("says why more was refused", async () => {
    waits();
    server.use(
      http.post("*/api/runs/run_1/budget", () =>
        problem(409, "budget_reached", "The budget day/* is used up."),
      ),
    );
    const { user } = open("/runs/run_1?tab=checks");
    await user.type(await screen.findByTestId("more-minutes"), "1");
    await user.click(screen.getByTestId("give"));
    expect(await screen.findByText("The budget day/* is used up.")).toBeVisible();
  });

  it("asks for nothing where the run itself limits nothing", async () => {
    waits({ tokens: null, usd: null, minutes: null });
    open("/runs/run_1?tab=checks");
    expect(await screen.findByTestId("reason")).toBeVisible();
    expect(screen.queryByTestId("give-more")).toBeNull();
    expect(screen.getByTestId("retry")).toBeVisible();
  });

  it("offers nothing to a viewer", async () => {
    waits();
    server.use(http.get("*/api/auth/me", () => HttpResponse.json(me({ role: "viewer", rights: ["read"] }))));
    open("/runs/run_1?tab=checks");
    expect(await screen.findByTestId("reason")).toBeVisible();
    expect(screen.queryByTestId("give-more")).toBeNull();
    expect(screen.queryByTestId("retry")).toBeNull();
  });
});
