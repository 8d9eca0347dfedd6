/** The calls that need no token, because they bring a password, or the cookie and the CSRF token beside it. */
import createFetchClient, { type Middleware } from "openapi-fetch";
import { apiUrl } from "@/lib/address";
import { problemFrom } from "./problem";
import type { components, paths } from "./schema.gen";

export type SignedIn = components["schemas"]["SignedInView"];

/** Turns whatever the server refuses into a problem. */
export const refusing: Middleware = {
  async onResponse({ response }) {
    if (!response.ok) throw await problemFrom(response);
  },
};

const client = createFetchClient<paths>({
  baseUrl: apiUrl("/"),
  fetch: (request) => globalThis.fetch(request),
});
client.use(refusing);

export async function logIn(name: string, password: string): Promise<SignedIn> {
  const { data } = await client.POST("/api/auth/login", { body: { name, password, transport: "cookie" } });
  return data as SignedIn;
}

const beside = (csrf: string) => ({ params: { header: { "X-CSRF-Token": csrf } } });

export async function refreshWith(csrf: string): Promise<SignedIn> {
  const { data } = await client.POST("/api/auth/refresh", beside(csrf));
  return data as SignedIn;
}

export async function logOut(csrf: string): Promise<void> {
  await client.POST("/api/auth/logout", beside(csrf));
}

const bearing = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

/** Asks the server whose token this is, before the browser keeps it. */
export async function verifyToken(token: string): Promise<void> {
  await client.GET("/api/auth/me", bearing(token));
}

/** Ends every session of the caller, this one too. */
export async function putPassword(token: string, old_password: string, new_password: string): Promise<void> {
  await client.POST("/api/auth/password", { ...bearing(token), body: { old_password, new_password } });
}
