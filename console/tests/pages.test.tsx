import { screen, waitFor, within } from "@testing-library/react";
import { delay, HttpResponse, http } from "msw";
import { describe, expect, it, test } from "vitest";
import { open } from "./open";
import { approval, check, profile, project, pull, run, step } from "./samples";
import { page, problem, server } from "./server";

const answer = (path: string, body: unknown) =>
  server.use(http.get(path, () => HttpResponse.json(body as object)));

describe("every page", () => {
  const PAGES = [
    ["/runs", "*/api/runs"],
    ["/runs/run_1", "*/api/runs/run_1"],
    ["/pulls", "*/api/pulls"],
    ["/pulls/pull_1", "*/api/pulls/pull_1"],
  ] as const;

  it.each(PAGES)("%s shows bars while it loads", async (address, path) => {
    server.use(http.get(path, async () => delay("infinite")));
    open(address);
    expect(await screen.findByTestId("loading")).toBeInTheDocument();
  });

  it.each(PAGES)("%s says what went wrong and tries again", async (address, path) => {
    let asked = 0;
    server.use(
      http.get(path, () => {
        asked += 1;
        return problem(404, "gone", "There is no such thing: it was deleted.");
      }),
    );
    const { user } = open(address);
    expect(await screen.findByText("There is no such thing: it was deleted.")).toBeVisible();
    const before = asked;
    await user.click(screen.getByTestId("try-again"));
    await waitFor(() => expect(asked).toBeGreaterThan(before));
  });

  it.each([
    ["/runs", "No runs yet"],
    ["/runs?status=failed", "No run matches"],
    ["/pulls", "No pull requests yet"],
    ["/pulls?state=merged", "No merged pull requests"],
    ["/nowhere", "This address leads nowhere"],
  ])("%s says so when it is empty: %s", async (address, words) => {
    open(address);
    expect(within(await screen.findByTestId("empty")).getByText(words)).toBeVisible();
  });
});

test("the runs are filtered by the address, and the address by a click", async () => {
  const asked: (string | null)[] = [];
  server.use(
    http.get("*/api/runs", ({ request }) => {
      const status = new URL(request.url).searchParams.get("status");
      asked.push(status);
      return HttpResponse.json(page(run({ task_title: status ?? "any" })));
    }),
  );
  const { router, user } = open("/runs?status=failed");
  expect(await screen.findByText("failed")).toBeVisible();
  await user.click(screen.getByTestId("status-running"));
  expect(await screen.findByText("running")).toBeVisible();
  expect(router.state.location.search).toBe("?status=running");
  expect(asked).not.toContain(null);
});

test("older runs are fetched on request", async () => {
  server.use(
    http.get("*/api/runs", ({ request }) => {
      const cursor = new URL(request.url).searchParams.get("cursor");
      const id = cursor ? "run_old" : "run_new";
      return HttpResponse.json({
        items: [run({ id, task_title: id })],
        next_cursor: cursor ? null : "run_new",
      });
    }),
  );
  const { user } = open("/runs");
  await user.click(await screen.findByTestId("load-more"));
  expect(await screen.findByText("run_old")).toBeVisible();
  expect(screen.getByText("run_new")).toBeVisible();
  expect(screen.queryByTestId("load-more")).toBeNull();
});

describe("a run", () => {
  it("shows each step with its state in words, its time and its note", async () => {
    const steps = [
      step("branch", { status: "done", title: "Open the branch", duration_ms: 1234 }),
      step("turn", {
        status: "running",
        title: "Let the agent work",
        started_at: new Date(Date.now() - 65_000).toISOString(),
      }),
      step("checks", {
        status: "failed",
        title: "Run the checks",
        duration_ms: 20,
        note: "`make test` ended with 2",
        attempt: 3,
      }),
    ];
    answer("*/api/runs/run_1", run({ steps }));
    answer("*/api/pulls/pull_1", pull());
    open("/runs/run_1?tab=checks");
    const branch = await screen.findByTestId("step-branch");
    expect(branch).toHaveTextContent("DoneOpen the branch1.2 s");
    expect(screen.getByTestId("step-turn")).toHaveTextContent(/RunningLet the agent work1 m 0\d s/);
    expect(screen.getByTestId("step-checks")).toHaveTextContent("make test ended with 2");
    expect(screen.getByTestId("step-checks")).toHaveTextContent("attempt 3");
    expect(screen.getAllByText("not a model")[0]).toBeVisible();
  });

  it("that failed says why and what to do, and can be retried", async () => {
    let retried = 0;
    answer(
      "*/api/runs/run_1",
      run({ status: "failed", reason: "no_changes", explanation: "Nothing changed: try `kyros run retry`." }),
    );
    answer("*/api/pulls/pull_1", pull());
    server.use(
      http.post("*/api/runs/run_1/retry", () => {
        retried += 1;
        return HttpResponse.json(run({ status: "queued" }));
      }),
    );
    const { user } = open("/runs/run_1?tab=checks");
    expect(await screen.findByTestId("reason")).toHaveTextContent(
      "No changes no_changesNothing changed: try kyros run retry.",
    );
    expect(screen.queryByTestId("stop")).toBeNull();
    await user.click(screen.getByTestId("retry"));
    expect(await screen.findByText("The run starts again.")).toBeVisible();
    expect(retried).toBe(1);
  });

  it("is stopped only after a question", async () => {
    let stopped = 0;
    answer("*/api/runs/run_1", run());
    answer("*/api/pulls/pull_1", pull());
    server.use(
      http.post("*/api/runs/run_1/stop", () => {
        stopped += 1;
        return HttpResponse.json(run());
      }),
    );
    const { user } = open("/runs/run_1?tab=checks");
    await user.click(await screen.findByTestId("stop"));
    await user.click(await screen.findByTestId("cancel"));
    expect(stopped).toBe(0);
    await user.click(screen.getByTestId("stop"));
    await user.click(await screen.findByTestId("confirm"));
    await waitFor(() => expect(stopped).toBe(1));
  });

  it("shows what was not measured as a dash, and each approval with its rule", async () => {
    answer("*/api/runs/run_1", run());
    answer("*/api/pulls/pull_1", pull());
    const denied = {
      state: "denied",
      subject: "curl x | sh",
      decided_by: "policy",
      rule: "no network",
    } as const;
    answer(
      "*/api/runs/run_1/turns",
      page({
        id: "turn_1",
        agent: "playbook",
        tier: "terminal",
        model: null,
        started_at: new Date().toISOString(),
        ended_at: new Date().toISOString(),
        duration_ms: 5,
        result_kind: "ok",
        evidence: "",
        note: "",
        input_tokens: null,
        output_tokens: 12,
        cache_read_tokens: null,
        cache_creation_tokens: null,
        cost_usd: null,
        bytes_streamed: 10,
        approvals: [approval(denied)],
      }),
    );
    open("/runs/run_1?tab=turns");
    const turn = await screen.findByTestId("turn");
    expect(turn).toHaveTextContent("Tokens in–Tokens out12From cache–Cost–");
    expect(within(turn).getByTestId("approvals")).toHaveTextContent("Deniedcommandcurl x | shno network");
  });
});

describe("a pull request", () => {
  it("is merged after a question", async () => {
    const sent: unknown[] = [];
    answer("*/api/pulls/pull_1", pull());
    server.use(
      http.post("*/api/pulls/pull_1/merge", async ({ request }) => {
        sent.push(await request.json());
        return HttpResponse.json(pull({ state: "merged" }));
      }),
    );
    const { user } = open("/pulls/pull_1?tab=checks");
    await user.click(await screen.findByTestId("merge"));
    expect(await screen.findByTestId("confirm-merge")).toHaveTextContent("Every check passed.");
    await user.click(screen.getByTestId("confirm"));
    expect(await screen.findByText("#7 is merged into main.")).toBeVisible();
    expect(sent).toEqual([{ accept_failed_checks: false, push: false }]);
  });

  it("with a red check is merged only when that is accepted by name", async () => {
    const sent: unknown[] = [];
    answer("*/api/pulls/pull_1", pull({ checks: [check({ verdict: "failed", output: "E assert 1 == 2" })] }));
    server.use(
      http.post("*/api/pulls/pull_1/merge", async ({ request }) => {
        sent.push(await request.json());
        return HttpResponse.json(pull({ state: "merged" }));
      }),
    );
    const { user } = open("/pulls/pull_1?tab=checks");
    expect(await screen.findByTestId("check-output")).toHaveTextContent("E assert 1 == 2");
    await user.click(screen.getByTestId("merge"));
    expect(await screen.findByTestId("confirm")).toBeDisabled();
    await user.click(screen.getByTestId("accept-failed"));
    await user.click(screen.getByTestId("confirm"));
    await waitFor(() => expect(sent).toEqual([{ accept_failed_checks: true, push: false }]));
  });

  it("says why it could not be merged", async () => {
    answer("*/api/pulls/pull_1", pull());
    server.use(
      http.post("*/api/pulls/pull_1/merge", () =>
        problem(409, "conflict", "It conflicts with main in a.py."),
      ),
    );
    const { user } = open("/pulls/pull_1?tab=checks");
    await user.click(await screen.findByTestId("merge"));
    await user.click(await screen.findByTestId("confirm"));
    expect(await screen.findByText("It conflicts with main in a.py.")).toBeVisible();
  });

  it("that is merged offers neither merge nor close", async () => {
    answer("*/api/pulls/pull_1", pull({ state: "merged", merge_sha: "c".repeat(40) }));
    open("/pulls/pull_1?tab=checks");
    expect(await screen.findByTestId("pull-state")).toHaveTextContent("Merged");
    expect(screen.queryByTestId("merge")).toBeNull();
    expect(screen.queryByTestId("close")).toBeNull();
  });

  it("shows its body as Markdown and its raw HTML as text", async () => {
    answer("*/api/pulls/pull_1", pull({ body: "It says **hello** <img src=x onerror=alert(1)>" }));
    open("/pulls/pull_1");
    const body = await screen.findByTestId("markdown");
    expect(body.querySelector("strong")).toHaveTextContent("hello");
    expect(body.querySelector("img")).toBeNull();
  });
});

describe("delegating", () => {
  it("sends the task once, with its criteria, and opens the run", async () => {
    const sent: { body: unknown; key: string | null }[] = [];
    answer("*/api/projects", page(project()));
    answer(
      "*/api/profiles",
      page(profile(), profile({ name: "codex", title: "Codex", is_model: true, program: null })),
    );
    answer("*/api/runs/run_9", run({ id: "run_9" }));
    answer("*/api/pulls/pull_1", pull());
    server.use(
      http.post("*/api/delegations", async ({ request }) => {
        sent.push({ body: await request.json(), key: request.headers.get("Idempotency-Key") });
        if (sent.length === 1) return problem(503, "busy", "The repository is locked, try again.");
        const made = {
          id: "run_9",
          task_id: "T-1",
          run_id: "run_9",
          project: "x",
          branch: "b",
          pr_number: 3,
        };
        return HttpResponse.json(
          { ...made, pull_id: "pull_1", pr_url: "", notes: ["Your clone is dirty."] },
          { status: 201 },
        );
      }),
    );
    const { router, user } = open("/runs/new");
    await user.type(await screen.findByTestId("title"), " Say hello ");
    await user.type(screen.getByTestId("criterion-0"), "it greets{Enter}it is tested");
    await user.type(screen.getByTestId("repo"), "/src/greeter");
    await user.click(screen.getByTestId("agent"));
    expect(await screen.findByTestId("option-codex")).toHaveAttribute("data-disabled");
    await user.click(screen.getByTestId("option-playbook"));
    expect(await screen.findByTestId("not-a-model")).toHaveTextContent("Not a model");
    await user.click(screen.getByTestId("delegate-submit"));
    expect(await screen.findByText("The repository is locked, try again.")).toBeVisible();
    await user.click(screen.getByTestId("delegate-submit"));
    await waitFor(() => expect(router.state.location.pathname).toBe("/runs/run_9"));
    expect(await screen.findByText("Your clone is dirty.")).toBeVisible();
    expect(sent[1]).toEqual(sent[0]);
    expect(sent[0]?.key).toMatch(/^[0-9a-f]{32}$/);
    expect(sent[0]?.body).toEqual({
      title: "Say hello",
      objective: "",
      constraints: "",
      acceptance_criteria: ["it greets", "it is tested"],
      repo: "/src/greeter",
      agent: "playbook",
    });
  });

  it("keeps a task back that has no title or no repository", async () => {
    const { user } = open("/runs/new");
    await user.clear(await screen.findByTestId("repo"));
    await user.click(screen.getByTestId("delegate-submit"));
    const faults = (await screen.findAllByTestId("field-error")).map((fault) => fault.textContent);
    expect(faults).toEqual([
      "A task needs a title.",
      "Say which repository: a path on the server's machine, or a URL.",
    ]);
  });
});
