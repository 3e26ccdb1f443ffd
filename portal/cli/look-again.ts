import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "./client.ts";
import { CommandFailure, exitCodes } from "./failure.ts";
import type { DriftFinding, Operation } from "./types.ts";

/** Where a healing was asked for: a database, or every one of a project. */
export type Healed = { readonly domain: string; readonly project: string; readonly database?: string };

/** What healing can close: the rest is for a person to decide. */
export async function openDifferences(client: Client, { domain, project, database }: Healed): Promise<DriftFinding[]> {
  const open = await client.all<DriftFinding>("/api/v1/drift", { domain, project });
  return open.filter((one) => one.effect !== "by hand" && (database === undefined || one.database === database));
}

const pollMs = 1000;

/**
 * Waits until each of these differences was looked at after the healing ended. A difference that nobody has looked at since says
 * nothing yet: its database may sleep, and then nothing wakes it to look.
 * @throws CommandFailure: exit 1 when a look still shows one, exit 7 when there was no look in time.
 */
export async function awaitLook(
  client: Client,
  where: Healed,
  healing: { readonly operation: Operation; readonly before: readonly DriftFinding[]; readonly deadlineMs: number },
): Promise<void> {
  const { operation, before, deadlineMs } = healing;
  const ids = new Set(before.map(({ id }) => id));
  const ended = Date.parse(operation.finishedAt ?? operation.createdAt);
  for (;;) {
    const open = (await openDifferences(client, where)).filter(({ id }) => ids.has(id));
    if (open.length === 0) return;
    const still = open.filter(({ seenAt }) => Date.parse(seenAt) > ended);
    const names = (list: readonly DriftFinding[]) => list.map((one) => `${one.database}: ${one.path}`).join(", ");
    if (still.length > 0)
      throw new CommandFailure(`the healing ended, and this still differs: ${names(still)}`, {
        hint: "`nebula drift show` says how; `nebula ops show` of the operation says what was done.",
      });
    if (Date.now() + pollMs > deadlineMs)
      throw new CommandFailure(`the healing ended, and nobody has looked again yet at ${names(open)}`, {
        exitCode: exitCodes.timeout,
        hint: "A database that sleeps or is paused is looked into once it is awake: `nebula drift show` tells then.",
      });
    await sleep(pollMs);
  }
}
