import { call, expect, expectAccessible, test } from "../support/test";

interface Made {
  run_id: string;
}

interface Rules {
  etag: string;
}

test("a person allows what an agent asks leave for, for always", async ({ signedIn: page, repository, kyros }) => {
  const order = { repo: repository.path, agent: "playbook" };
  const first = await call<Made>(kyros, "POST", "/api/delegations", {
    ...order,
    title: "Make it a project",
    objective: "```text file=first.txt\nfirst\n```",
  });
  const { project_id } = await call<{ project_id: string }>(kyros, "GET", `/api/runs/${first.run_id}`);
  const { etag } = await call<Rules>(kyros, "GET", `/api/projects/${project_id}/rules`);
  const answer = await fetch(`${kyros.url}/api/projects/${project_id}/rules`, {
    method: "PUT",
    headers: {
      Authorization: `Bearer ${kyros.token}`,
      "Content-Type": "application/json",
      "If-Match": etag,
    },
    body: JSON.stringify({ rules: [{ action: "ask", path: "asked.txt" }] }),
  });
  expect(answer.status).toBe(200);

  const { run_id } = await call<Made>(kyros, "POST", "/api/delegations", {
    ...order,
    title: "Write what is asked for",
    objective: "```text file=asked.txt\nasked <b>for</b>\n```",
  });
  await page.goto("/runs?status=blocked");
  const row = page.getByTestId("run-row").filter({ hasText: "Write what is asked for" });
  await expect(row).toContainText("playbook asks leave to write asked.txt", { timeout: 60_000 });
  await row.click();
  await expect(page).toHaveURL(new RegExp(run_id));
  await expect(page.getByTestId("run-status")).toHaveText("Needs you");
  const waiting = page.getByTestId("waiting");
  await expect(waiting).toContainText("asked.txt");
  await expectAccessible(page);
  await waiting.getByTestId("allow-always").click();
  await expect(page.getByText("The project has a new rule: allow write path [a]sked.txt")).toBeVisible();
  await expect(page.getByTestId("run-status")).toHaveText(/Running|Succeeded|Failed/, { timeout: 60_000 });
  await expect(waiting).toHaveCount(0);
  await page.getByTestId("tab-turns").click();
  await expect(page.getByTestId("approvals")).toContainText("operator");
});
