/** Saves a run's recording as an asciicast file; a plain link could not carry the token. */
import { client } from "./client";

export async function downloadRecording(runId: string): Promise<void> {
  const { data } = await client.GET("/api/runs/{run_id}/recording", {
    params: { path: { run_id: runId } },
    parseAs: "blob",
  });
  const address = URL.createObjectURL(data as Blob);
  const link = Object.assign(document.createElement("a"), { href: address, download: `${runId}.cast` });
  link.click();
  URL.revokeObjectURL(address);
}
