/** Asks the server whose token this is before the browser keeps it. */
import { apiUrl } from "@/lib/address";
import { problemFrom } from "./problem";

export async function verifyToken(candidate: string): Promise<void> {
  const response = await fetch(apiUrl("/api/auth/me"), { headers: { Authorization: `Bearer ${candidate}` } });
  if (!response.ok) throw await problemFrom(response);
}
