import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "./client.ts";
import { CommandFailure, exitCodes } from "./failure.ts";
import { say } from "./output.ts";
import type { Operation, OperationEvent } from "./types.ts";

/**
 * Shows an operation's progress until it ends.
 * @returns the ended operation
 * @throws CommandFailure: exit 7 when it has not ended in time, exit 1 with the operation's own error when it failed.
 */
export async function followOperation(client: Client, id: string, timeoutMs: number): Promise<Operation> {
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    let after: string | undefined;
    for (;;) {
      for await (const { id: at, event, data } of eventsOf(client, id, after, deadline)) {
        if (event === "end") return settled(data as Operation);
        const { phase, message, level } = data as OperationEvent;
        say(`  ${level === "info" ? " " : "!"} ${phase.padEnd(10)} ${message}`);
        after = at;
      }
      // The portal stopped or lost its ledger: it, or another one, goes on from there.
      await sleep(1000, undefined, { signal: deadline });
    }
  } catch (failure) {
    if (!deadline.aborted) throw failure;
    throw new CommandFailure(`operation ${id} has not ended after ${Math.round(timeoutMs / 1000)} s`, {
      exitCode: exitCodes.timeout,
      hint: `It goes on; \`nebula ops watch ${id}\` follows it.`,
    });
  }
}

/** Ends when the line is lost, or cannot be opened again for a reason that passes; fails when it could not be opened at all. */
async function* eventsOf(client: Client, id: string, after: string | undefined, signal: AbortSignal) {
  const events = client.events(`/api/v1/operations/${id}/events`, { after, signal });
  for (let began = after !== undefined; ; began = true) {
    const next = await events.next().catch((failure: unknown) => {
      const passes = !(failure instanceof CommandFailure) || failure.exitCode === exitCodes.error;
      if (began && passes && !signal.aborted) return { done: true, value: undefined } as const;
      throw failure;
    });
    if (next.done) return;
    yield next.value;
  }
}

function settled(operation: Operation): Operation {
  if (operation.state === "FAILED" || operation.state === "CANCELLED")
    throw new CommandFailure(operation.error?.detail ?? `operation ${operation.id} ended as ${operation.state}`, {
      code: operation.error?.code,
      hint: operation.error?.hint,
      exitCode: operation.error?.code === "NEB200" ? exitCodes.quota : exitCodes.error,
    });
  return operation;
}
