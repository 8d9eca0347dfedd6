/** The typed client: adds the token, turns refusals into problems, gives up a token the server refuses. */
import createFetchClient, { type Middleware } from "openapi-fetch";
import createQueryClient from "openapi-react-query";
import { apiUrl } from "@/lib/address";
import { refuseToken, token } from "@/lib/token";
import { problemFrom } from "./problem";
import type { paths } from "./schema.gen";

const bearer = (request: Request): string | null =>
  request.headers.get("Authorization")?.replace(/^Bearer /, "") ?? null;

const doorkeeper: Middleware = {
  onRequest({ request }) {
    const held = token.get();
    if (held) request.headers.set("Authorization", `Bearer ${held}`);
    return request;
  },
  async onResponse({ request, response }) {
    if (response.ok) return response;
    if (response.status === 401) refuseToken(bearer(request));
    throw await problemFrom(response);
  },
};

export const client = createFetchClient<paths>({
  baseUrl: apiUrl("/"),
  // Looked up at each call, so that what replaces it later is seen.
  fetch: (request) => globalThis.fetch(request),
});
client.use(doorkeeper);

export const api = createQueryClient(client);
