import { startKyros } from "../support/kyros";
import { addPerson, PASSWORD, signIn, signOut } from "../support/people";
import { OBJECTIVE } from "../support/repository";
import { call, expect, expectAccessible, settled, test } from "../support/test";

test.describe.configure({ mode: "default" });

test.describe("on a new installation", () => {
  test("whoever has the operator's token creates the first admin and goes on as them", async ({
    browser,
  }) => {
    const fresh = await startKyros();
    const context = await browser.newContext({ baseURL: fresh.url });
    try {
      const page = await context.newPage();
      await page.goto("/");
      await page.getByTestId("use-token").click();
      await page.getByTestId("token-input").fill(fresh.token);
      await page.getByTestId("token-submit").click();
      await expect(page.getByTestId("me")).toHaveText("operator");
      for (const theme of ["dark", "light"]) {
        await expect(page.locator("html")).toHaveAttribute("data-theme", theme);
        await page.goto("/runs");
        await expect(page.getByTestId("first-notice")).toBeVisible();
        await expectAccessible(page);
        await page.getByTestId("first-admin-link").click();
        await page.getByTestId("new-password").fill("short");
        await page.getByTestId("new-password-again").fill("other");
        await page.getByTestId("create-admin").click();
        await expect(page.getByTestId("field-error")).toHaveCount(3);
        await expectAccessible(page);
        await page.getByTestId("theme").click();
      }
      await page.getByTestId("admin-name").fill("Ada");
      await page.getByTestId("new-password").fill(PASSWORD);
      await page.getByTestId("new-password-again").fill(PASSWORD);
      await page.getByTestId("create-admin").click();
      await expect(page.getByRole("heading", { name: "Runs" })).toBeVisible();
      await expect(page.getByTestId("me")).toHaveText("Ada");
      await expect(page.getByTestId("my-role")).toHaveText("Admin");
      await expect(page.getByTestId("first-notice")).toHaveCount(0);
      await page.reload();
      await expect(page.getByTestId("me")).toHaveText("Ada");
      const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
      expect(kept).not.toContain(fresh.token);
      expect(kept, "no access token is kept").not.toContain("eyJ");
    } finally {
      await context.close();
      await fresh.stop();
    }
  });
});

test.describe("with people", () => {
  test.beforeAll(async ({ kyros }) => {
    await addPerson(kyros, "ada", "admin");
    await addPerson(kyros, "vera", "viewer");
  });

  test("a wrong password is refused aloud; the right one lets in, at the same address", async ({ page }) => {
    await page.goto("/pulls?state=merged");
    await expect(page.getByTestId("name")).toBeFocused();
    await signIn(page, "ada", "not her password");
    await expect(page.getByRole("alert")).toHaveText("The name or the password is wrong.");
    await signIn(page, "ada");
    await expect(page.getByRole("heading", { name: "Pull requests" })).toBeVisible();
    await expect(page).toHaveURL(/\/pulls\?state=merged$/);
    await expect(page.getByTestId("connection")).toHaveText("Live");
  });

  test("a reload stays signed in", async ({ page }) => {
    await page.goto("/runs");
    await signIn(page, "ada");
    await expect(page.getByTestId("me")).toHaveText("ada");
    await page.reload();
    await expect(page.getByTestId("me")).toHaveText("ada");
    await expect(page.getByTestId("connection")).toHaveText("Live");
  });

  test("no mouse is needed to sign in and out", async ({ page }) => {
    await page.goto("/runs");
    await expect(page.getByTestId("name")).toBeFocused();
    await page.keyboard.type("ada");
    await page.keyboard.press("Tab");
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByTestId("who").focus();
    await page.keyboard.press("Enter");
    await expect(page.getByTestId("change-password")).toBeFocused();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await expect(page.getByTestId("signed-out")).toHaveText("You are signed out.");
  });

  test("two tabs come in together, read one stream, and go out together", async ({ context, kyros }) => {
    let [streams, refreshes] = [0, 0];
    context.on("request", (request) => {
      if (request.url().includes("/api/collab/events/tail")) streams += 1;
      if (request.url().includes("/api/auth/refresh")) refreshes += 1;
    });
    const [first, second] = [await context.newPage(), await context.newPage()];
    await first.goto(`${kyros.url}/runs`);
    await second.goto(`${kyros.url}/pulls`);
    await signIn(first, "ada");
    await expect(second.getByTestId("me")).toHaveText("ada");
    await expect(second.getByTestId("connection")).toHaveText("Live");
    expect([streams, refreshes]).toEqual([1, 0]);
    await signOut(first);
    await expect(second.getByTestId("signed-out")).toHaveText("You signed out in another tab.");
    await second.reload();
    await expect(second.getByTestId("sign-in")).toBeVisible();
  });

  test("a token refused in two tabs is renewed once for both, and the stream goes on", async ({
    context,
    kyros,
  }) => {
    const [first, second] = [await context.newPage(), await context.newPage()];
    await first.goto(`${kyros.url}/runs`);
    await signIn(first, "vera");
    await second.goto(`${kyros.url}/runs`);
    await expect(second.getByTestId("me")).toHaveText("vera");
    let refreshes = 0;
    context.on("request", (request) => {
      if (request.url().includes("/api/auth/refresh")) refreshes += 1;
    });
    await call(kyros, "PATCH", "/api/auth/people/vera", { role: "reviewer" });
    await expect(first.getByTestId("my-role")).toHaveText("Reviewer", { timeout: 60_000 });
    await expect(second.getByTestId("my-role")).toHaveText("Reviewer");
    expect(refreshes).toBe(1);
    await expect(first.getByTestId("connection")).toHaveText("Live");
    await call(kyros, "PATCH", "/api/auth/people/vera", { role: "viewer" });
  });

  test("a password is changed here; elsewhere one is signed out with a sentence", async ({
    browser,
    kyros,
    page,
  }) => {
    await addPerson(kyros, "mara", "viewer");
    const other = await browser.newContext({ baseURL: kyros.url });
    const elsewhere = await other.newPage();
    for (const one of [page, elsewhere]) {
      await one.goto("/runs");
      await signIn(one, "mara");
      await expect(one.getByTestId("me")).toHaveText("mara");
    }
    await page.getByTestId("who").click();
    await page.getByTestId("change-password").click();
    await page.getByTestId("old-password").fill(PASSWORD);
    await page.getByTestId("new-password").fill("wrong zebra socket");
    await page.getByTestId("new-password-again").fill("wrong zebra socket");
    await page.getByTestId("change-password-submit").click();
    await expect(page.getByText("Your password is changed.")).toBeVisible();
    await page.reload();
    await expect(page.getByTestId("me")).toHaveText("mara");
    await expect(elsewhere.getByTestId("signed-out")).toContainText("Your session is over", {
      timeout: 60_000,
    });
    await other.close();
  });

  test("a viewer looks on, and is offered nothing they may not do", async ({ page, kyros, repository }) => {
    const { run_id, pull_id } = await call<{ run_id: string; pull_id: string }>(
      kyros,
      "POST",
      "/api/delegations",
      { repo: repository.path, agent: "playbook", title: "Watch me", objective: OBJECTIVE },
    );
    await page.goto(`/runs/${run_id}`);
    await signIn(page, "vera");
    await expect(page.getByTestId("terminal")).toContainText("watching beat 1", { timeout: 60_000 });
    await expect(page.getByTestId("pull-link")).toBeVisible();
    await expect(page.getByTestId("stop")).toHaveCount(0);
    await page.goto(`/pulls/${pull_id}`);
    await expect(page.getByTestId("run-link")).toBeVisible();
    await expect(page.getByTestId("merge")).toHaveCount(0);
    await page.goto("/runs");
    await expect(page.getByTestId("run-row").first()).toBeVisible();
    await expect(page.getByTestId("delegate")).toHaveCount(0);
    await page.goto("/runs/new");
    await expect(page.getByTestId("may-not-delegate")).toContainText("As vera you may not hand over tasks");
    await expect(page.getByTestId("delegate-submit")).toHaveCount(0);
  });

  for (const theme of ["dark", "light"] as const)
    test(`signing in and what belongs to it is accessible in the ${theme} theme`, async ({ page }) => {
      await page.addInitScript((value) => localStorage.setItem("kyros.theme", value), theme);
      await page.goto("/runs");
      await signIn(page, "ada", "not her password");
      await expect(page.getByRole("alert")).toBeVisible();
      await expectAccessible(page);
      await page.getByTestId("use-token").click();
      await page.getByTestId("token-input").fill("wrong");
      await page.getByTestId("token-submit").click();
      await expect(page.getByText("The server does not know this token.")).toBeVisible();
      await expectAccessible(page);
      await page.getByTestId("use-password").click();
      await signIn(page, "ada");
      await page.getByTestId("who").click();
      await expect(page.getByTestId("sign-out")).toBeVisible();
      await settled(page);
      await expectAccessible(page);
      await page.getByTestId("change-password").click();
      await page.getByTestId("change-password-submit").click();
      await expect(page.getByTestId("field-error").first()).toBeVisible();
      await settled(page);
      await expectAccessible(page);
      await page.keyboard.press("Escape");
      await signOut(page);
      await expectAccessible(page);
    });
});
