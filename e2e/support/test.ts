/** Tests that share one Kyros and one repository, with a page that is signed in unless it should not be. */
import AxeBuilder from "@axe-core/playwright";
import { test as base, expect, type Page } from "@playwright/test";
import { type Kyros, startKyros } from "./kyros";
import { makeRepository, type Repository } from "./repository";

interface Shared {
  kyros: Kyros;
  repository: Repository;
}

interface Each {
  /** The page with the console open and signed in. */
  signedIn: Page;
}

export const test = base.extend<Each, Shared>({
  kyros: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of the fixtures from here.
    async ({}, use) => {
      const kyros = await startKyros();
      await use(kyros);
      await kyros.stop();
    },
    { scope: "worker", timeout: 60_000 },
  ],
  repository: [
    // biome-ignore lint/correctness/noEmptyPattern: as above.
    async ({}, use) => {
      const repository = makeRepository();
      await use(repository);
      repository.remove();
    },
    { scope: "worker" },
  ],
  baseURL: async ({ kyros }, use) => use(kyros.url),
  signedIn: async ({ page, kyros }, use) => {
    await page.addInitScript((token) => localStorage.setItem("kyros.token", token), kyros.token);
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" && !/Failed to load resource/.test(message.text()))
        faults.push(message.text());
    });
    await use(page);
    expect(faults, "errors in the browser's console").toEqual([]);
  },
});

export { expect };

/** No fault against WCAG 2.2 A and AA on what the page shows now. */
export async function expectAccessible(page: Page): Promise<void> {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze();
  const told = violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 200)).join(" | ")}`,
  );
  expect.soft(told, page.url()).toEqual([]);
}

/** Dialogs fade in; a colour measured half-way is nobody's colour. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(() =>
    Promise.allSettled(
      document
        .getAnimations()
        .filter((animation) => animation.effect?.getComputedTiming().iterations !== Number.POSITIVE_INFINITY)
        .map((animation) => animation.finished),
    ),
  );
}

/** Over the API, for what a test needs but is not about. */
export async function call<T>(kyros: Kyros, method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(kyros.url + path, {
    method,
    headers: { Authorization: `Bearer ${kyros.token}`, "Content-Type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
