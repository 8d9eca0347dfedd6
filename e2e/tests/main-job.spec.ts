import { OBJECTIVE } from "../support/repository";
import { call, expect, test } from "../support/test";

test("a task is delegated, watched live, reviewed and merged", async ({ signedIn: page, repository }) => {
  const before = repository.git("rev-parse", "HEAD") + repository.git("status", "--porcelain");

  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Runs" })).toBeVisible();
  await page.keyboard.press("c");
  const dialog = page.getByTestId("delegate-dialog");
  await dialog.getByTestId("title").fill("Greet in German");
  await dialog.getByTestId("objective").fill(OBJECTIVE);
  await dialog.getByTestId("criterion-0").fill("greeting.txt says Hallo");
  await dialog.getByTestId("criterion-0").press("Enter");
  await dialog.getByTestId("criterion-1").fill("English stays");
  await dialog.getByTestId("repo").fill(repository.path);
  await dialog.getByTestId("agent").click();
  await page.getByTestId("option-playbook").click();
  await expect(dialog.getByTestId("not-a-model")).toBeVisible();
  await dialog.getByTestId("delegate-submit").click();

  await expect(page).toHaveURL(/\/runs\/run_/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Greet in German");
  await expect(page.getByTestId("step-turn")).toHaveAttribute("data-status", "running");
  await expect(page.getByTestId("run-status")).toHaveText("Running");
  const terminal = page.getByTestId("terminal");
  await expect(page.getByTestId("transcript")).toHaveAttribute("data-state", "live");
  await expect(terminal).toContainText("Model:");
  await expect(terminal).toContainText("watching beat 1");
  await expect(page.getByTestId("run-status")).toHaveText("Running");

  await expect(page.getByTestId("run-status")).toHaveText("Succeeded", { timeout: 60_000 });
  await expect(page.getByTestId("transcript")).toHaveAttribute("data-state", "ended");
  await expect(terminal).toContainText("watching beat 4");
  for (const step of await page.getByTestId("steps").getByRole("listitem").all())
    await expect(step).toHaveAttribute("data-status", "done");

  await page.getByTestId("tab-diff").click();
  await expect(page.getByTestId("diff-summary")).toContainText("files changed");
  const greeting = page.getByTestId("diff-file").filter({ hasText: "greeting.txt" }).first();
  await expect(greeting).toContainText("Hallo");
  await page.getByTestId("tab-checks").click();
  await expect(page.getByTestId("check")).toContainText("Passed");
  await page.getByTestId("tab-turns").click();
  await expect(page.getByTestId("approvals")).toContainText("greeting.txt");

  await page.getByTestId("pull-link").click();
  await expect(page).toHaveURL(/\/pulls\//);
  await expect(page.getByTestId("pull-state")).toHaveText("Open");
  await expect(page.getByTestId("markdown")).toContainText("Greet in German as well.");
  await page.getByTestId("tab-changes").click();
  await page.getByTestId("diff-style-split").click();
  await expect(page).toHaveURL(/tab=changes&view=split/);
  await expect(page.getByTestId("diff-file").filter({ hasText: "greet.py" }).first()).toContainText("Hallo");
  await page.getByTestId("merge").click();
  await page.getByTestId("confirm").click();
  await expect(page.getByTestId("pull-state")).toHaveText("Merged");
  await expect(page.getByTestId("merge")).toHaveCount(0);

  await page.getByRole("link", { name: "Pull requests" }).first().click();
  await expect(page.getByTestId("pull-row").filter({ hasText: "Greet in German" })).toContainText("Merged");
  const after = repository.git("rev-parse", "HEAD") + repository.git("status", "--porcelain");
  expect(after, "the user's own clone").toBe(before);
});

test("a run is stopped and started again", async ({ signedIn: page, repository, kyros }) => {
  const { run_id } = await call<{ run_id: string }>(kyros, "POST", "/api/delegations", {
    title: "Wait a while",
    objective: "```sh run\nsleep 60\n```",
    repo: repository.path,
    agent: "playbook",
  });
  await page.goto(`/runs/${run_id}`);
  await expect(page.getByTestId("step-turn")).toHaveAttribute("data-status", "running");
  await page.getByTestId("stop").click();
  await page.getByTestId("confirm").click();
  await expect(page.getByTestId("run-status")).toHaveText("Cancelled");
  await expect(page.getByTestId("reason")).toContainText("stopped");
  await page.getByTestId("retry").click();
  await expect(page.getByTestId("run-status")).toHaveText(/Queued|Running/);
  await expect(page.getByTestId("step-turn")).toHaveAttribute("data-status", "running");
  await expect(page.getByTestId("transcript")).toHaveAttribute("data-state", "live");
  await page.getByTestId("stop").click();
  await page.getByTestId("confirm").click();
  await expect(page.getByTestId("run-status")).toHaveText("Cancelled");
});
