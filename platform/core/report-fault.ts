import { asNebulaError } from "./errors.ts";
import type { Observe } from "./observations.ts";

/** Tells that something went wrong, where, and about what or whom: for work that goes on all the same. */
export function reportFault(observe: Observe, where: string, thrown: unknown, about?: string): void {
  const { code, message } = asNebulaError(thrown);
  observe({ kind: "fault", where, code, message: about === undefined ? message : `${about}: ${message}` });
}
