import { exitCodes } from "../portal/cli/index.ts";

export { exitCodes };

/** Of anything that was thrown: product commands bring their own code, faults have a status, commander has `exitCode`. */
export function exitCodeOf(thrown: unknown): number {
  if (typeof thrown !== "object" || thrown === null) return exitCodes.error;
  const { exitCode, status, code } = thrown as { exitCode?: unknown; status?: unknown; code?: unknown };
  if (typeof code === "string" && code.startsWith("commander.")) return exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (typeof exitCode === "number") return exitCode;
  if (status === 401 || status === 403) return exitCodes.auth;
  if (status === 404) return exitCodes.notFound;
  if (status === 409 || status === 412 || status === 428) return exitCodes.conflict;
  if (status === 408 || status === 504) return exitCodes.timeout;
  return exitCodes.error;
}
