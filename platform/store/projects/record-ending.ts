import { notify, type Sql } from "../../sql/index.ts";
import type { ProjectStatus } from "./project.ts";

/** Where a text was refused: what runs may be fine, and the project stays Stalled until its text is. */
const refusals = ["Invalid", "Refused", "DeclarationMissing", "FleetUnusable"];

/**
 * Writes a project's status after a deployment ended, inside the transaction that ends it. The row is locked first, so that a
 * text that came meanwhile keeps its own word: a newer deployment that waits says Reconciling, a refused text says why.
 */
export async function recordEnding(
  tx: Sql,
  stack: string,
  derived: { readonly status: ProjectStatus; readonly reason: string; readonly message: string },
): Promise<void> {
  const row = await tx.maybe<{ status: ProjectStatus; reason: string }>(
    "select status, reason from projects where stack = $1 for update",
    [stack],
  );
  if (row === undefined || (row.status === "Stalled" && refusals.includes(row.reason))) return;
  const waiting = await tx.maybe(
    "select id from operations where stack = $1 and type = 'DEPLOY' and state = 'QUEUED' order by id desc limit 1",
    [stack],
  );
  const queued = { status: "Reconciling", reason: "Queued", message: "" } as const;
  const said = waiting === undefined || derived.status === "Reconciling" ? derived : queued;
  await tx.query("update projects set status = $2, reason = $3, message = $4, updated_at = now() where stack = $1", [
    stack,
    said.status,
    said.reason,
    said.message,
  ]);
  await notify(tx, "nebula_projects", stack);
}
