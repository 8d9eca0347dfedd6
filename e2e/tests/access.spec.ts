import { OBJECTIVE } from "../support/repository";
import { call, expect, expectAccessible, settled, test } from "../support/test";

interface Run {
  status: string;
  pull_id: string;
}

test.describe.configure({ mode: "default" });

let run = "";
let failed = "";
let pull = "";

test.beforeAll(async ({ kyros, repository }) => {
  const hand = (task: object) =>
    call<{ run_id: string; pull_id: string }>(kyros, "POST", "/api/delegations", {
      repo: repository.path,
      agent: "playbook",
      ...task,
    });
  const good = await hand({ title: "Greet politely", objective: OBJECTIVE });
  const bad = await hand({ title: "Change nothing", objective: "Nothing to do." });
  [run, pull, failed] = [good.run_id, good.pull_id, bad.run_id];
  for (const id of [run, failed])
    await expect
      .poll(async () => (await call<Run>(kyros, "GET", `/api/runs/${id}`)).status, { timeout: 60_000 })
      .toMatch(/succeeded|failed/);
});

for (const theme of ["dark", "light"] as const)
  test(`every page and dialog is accessible in the ${theme} theme`, async ({ signedIn: page }) => {
    await page.addInitScript((value) => localStorage.setItem("kyros.theme", value), theme);
    const pages: [string, string][] = [
      ["/runs", "run-row"],
      ["/runs?status=cancelled", "runs-or-empty"],
      ["/runs/new", "delegate-dialog"],
      [`/runs/${run}`, "terminal"],
      [`/runs/${run}?tab=diff`, "diff-file"],
      [`/runs/${run}?tab=checks`, "check"],
      [`/runs/${run}?tab=turns`, "turn"],
      [`/runs/${failed}`, "reason"],
      ["/runs/run_nowhere", "error"],
      ["/pulls", "pull-row"],
      [`/pulls/${pull}`, "markdown"],
      [`/pulls/${pull}?tab=changes&view=split`, "diff-file"],
      [`/pulls/${pull}?tab=checks`, "check"],
      ["/no/such/page", "empty"],
    ];
    for (const [path, mark] of pages)
      await test.step(path, async () => {
        await page.goto(path);
        const there =
          mark === "runs-or-empty"
            ? page.locator("[data-testid=runs],[data-testid=empty]")
            : page.getByTestId(mark);
        await expect(there.first()).toBeVisible();
        await expect(page.locator("html")).toHaveAttribute("data-theme", theme);
        await settled(page);
        await expectAccessible(page);
      });

    await test.step("the question before a merge", async () => {
      await page.goto(`/pulls/${pull}`);
      await page.getByTestId("merge").click();
      await expect(page.getByTestId("confirm-merge")).toBeVisible();
      await settled(page);
      await expectAccessible(page);
    });
    await test.step("the list of agents", async () => {
      await page.goto("/runs/new");
      await page.getByTestId("agent").click();
      await expect(page.getByTestId("option-playbook")).toBeVisible();
      await settled(page);
      await expectAccessible(page);
    });
  });

test("the theme is switched at once, terminal and diff included, and remembered", async ({
  signedIn: page,
}) => {
  await page.goto(`/runs/${run}`);
  const ground = () =>
    page
      .locator(".xterm-scrollable-element")
      .evaluate((element) => getComputedStyle(element).backgroundColor);
  const dark = await ground();
  await page.getByTestId("theme").click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
  await expect.poll(ground).not.toBe(dark);
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
});

test("no mouse is needed to find a run and read its diff", async ({ signedIn: page }) => {
  await page.goto("/runs");
  await page.getByTestId("run-row").first().waitFor();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the page" })).toBeFocused();
  await page.keyboard.press("Enter");
  const row = page.getByTestId("run-row").filter({ hasText: "Greet politely" }).getByRole("link");
  for (
    let press = 0;
    press < 30 && !(await row.evaluate((link) => link === document.activeElement));
    press += 1
  )
    await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(run));
  await page.getByTestId("tab-transcript").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("diff-file").first()).toBeVisible();
  await page.keyboard.press("j");
  await expect(page.getByTestId("diff-file").first().getByRole("button").first()).toBeFocused();
});
