import { expect, test } from "../support/test";

test("a wrong token is refused, the right one is kept", async ({ page, kyros }) => {
  await page.goto("/pulls?state=merged");
  await page.getByTestId("use-token").click();
  await page.getByTestId("token-input").fill("wrong");
  await page.getByTestId("token-submit").click();
  await expect(page.getByText("The server does not know this token.")).toBeVisible();
  await page.getByTestId("token-input").fill(kyros.token);
  await page.getByTestId("token-input").press("Enter");
  await expect(page.getByRole("heading", { name: "Pull requests" })).toBeVisible();
  await page.reload();
  await expect(page).toHaveURL(/\/pulls\?state=merged$/);
  await expect(page.getByTestId("me")).toHaveText("operator");
  await expect(page.getByTestId("connection")).toHaveText("Live");
});

test("a token that stopped being good is asked for anew", async ({ page }) => {
  await page.addInitScript(() => localStorage.setItem("kyros.token", "from-another-home"));
  await page.goto("/runs");
  await expect(page.getByTestId("signed-out")).toContainText("no longer accepts the token");
  await expect(page.getByTestId("token-input")).toBeFocused();
});

test("kyros up --open signs in through the address, which forgets the token", async ({ page, kyros }) => {
  await page.goto(`/#token=${kyros.token}`);
  await expect(page.getByRole("heading", { name: "Runs" })).toBeVisible();
  expect(page.url()).toBe(`${kyros.url}/runs`);
});

test("every address can be opened directly and loaded anew", async ({ signedIn: page }) => {
  for (const [path, heading] of [
    ["/runs?status=failed", "Runs"],
    ["/runs/new", "Delegate a task"],
    ["/pulls?state=open", "Pull requests"],
    ["/runs/run_nowhere", "Run"],
    ["/no/such/page", "Nothing here"],
  ] as const) {
    await page.goto(path);
    await expect(page.getByRole("heading", { name: heading, exact: true })).toBeVisible();
    await page.reload();
    await expect(page.getByRole("heading", { name: heading, exact: true })).toBeVisible();
  }
});

test("two tabs share one event stream, and a second takes over when the first is closed", async ({
  context,
  kyros,
}) => {
  await context.addInitScript((token) => localStorage.setItem("kyros.token", token), kyros.token);
  let streams = 0;
  context.on("request", (request) => {
    if (request.url().includes("/api/collab/events/tail")) streams += 1;
  });
  const first = await context.newPage();
  await first.goto(`${kyros.url}/runs`);
  await expect(first.getByTestId("connection")).toHaveText("Live");
  const second = await context.newPage();
  await second.goto(`${kyros.url}/pulls`);
  await expect(second.getByTestId("connection")).toHaveText("Live");
  expect(streams).toBe(1);
  await first.close();
  await expect.poll(() => streams).toBe(2);
  await expect(second.getByTestId("connection")).toHaveText("Live");
});
