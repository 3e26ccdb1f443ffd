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
    for await (const { event, data } of client.events(`/api/v1/operations/${id}/events`, deadline)) {
      if (event === "end") return settled(data as Operation);
      const { phase, message, level } = data as OperationEvent;
      say(`  ${level === "info" ? " " : "!"} ${phase.padEnd(10)} ${message}`);
    }
  } catch (failure) {
    if (!deadline.aborted) throw failure;
    throw new CommandFailure(`operation ${id} has not ended after ${Math.round(timeoutMs / 1000)} s`, {
      exitCode: exitCodes.timeout,
      hint: `It goes on; \`nebula ops watch ${id}\` follows it.`,
    });
  }
  return settled(await client.get<Operation>(`/api/v1/operations/${id}`));
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
