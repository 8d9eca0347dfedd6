/** The typed client: adds the token, turns refusals into problems, and asks again with a new token after a 401. */
import createFetchClient from "openapi-fetch";
import createQueryClient from "openapi-react-query";
import { apiUrl } from "@/lib/address";
import type { paths } from "./schema.gen";
import { session } from "./session";
import { refusing } from "./sign-in";

function send(request: Request, token: string | null): Promise<Response> {
  if (token) request.headers.set("Authorization", `Bearer ${token}`);
  return globalThis.fetch(request);
}

/** What was refused for its token was not done, so once more is safe. */
async function sendSigned(request: Request): Promise<Response> {
  const token = session.token();
  const again = request.clone();
  const response = await send(request, token);
  if (response.status !== 401 || !(await session.renew(token))) return response;
  return send(again, session.token());
}

export const client = createFetchClient<paths>({ baseUrl: apiUrl("/"), fetch: sendSigned });
client.use(refusing);

export const api = createQueryClient(client);
