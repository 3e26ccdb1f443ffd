import type { Gate } from "../../platform/compute/index.ts";
import type { NebulaError } from "../../platform/core/index.ts";
import { branchExpired } from "./errors.ts";

/** What whoever may connect to a branch is told once its time is over, whatever has become of its server; undefined before. */
export function expiryOf({ id, expiresAt }: Pick<Gate, "id" | "expiresAt">, nowMs: number): NebulaError | undefined {
  if (expiresAt === undefined || Date.parse(expiresAt) > nowMs) return undefined;
  return branchExpired(`the branch "${id}" expired at ${expiresAt}`);
}
