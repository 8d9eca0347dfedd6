/** People of an installation, made over the API, and how one signs in on the page. */
import { expect, type Page } from "@playwright/test";
import type { Kyros } from "./kyros";
import { call } from "./test";

export const PASSWORD = "correct horse battery";

/** Made only if they are not there yet: the tests of one worker share an installation. */
export async function addPerson(kyros: Kyros, name: string, role: string): Promise<void> {
  const { items } = await call<{ items: { name: string }[] }>(kyros, "GET", "/api/auth/people?limit=200");
  if (items.some((person) => person.name === name)) return;
  await call(kyros, "POST", "/api/auth/people", { name, password: PASSWORD, role });
}

export async function signIn(page: Page, name: string, password = PASSWORD): Promise<void> {
  await page.getByTestId("name").fill(name);
  await page.getByTestId("password").fill(password);
  await page.getByTestId("password").press("Enter");
}

export async function signOut(page: Page): Promise<void> {
  await page.getByTestId("who").click();
  await page.getByTestId("sign-out").click();
  await expect(page.getByTestId("sign-in")).toBeVisible();
}
