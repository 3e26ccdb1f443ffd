/** What a start-up packet asks for, held against what its database allows; and what goes upstream in its place. */
import type { Gate } from "../../platform/compute/index.ts";
import { mustBeAllowed, parseOptions, renderOptions } from "./options.ts";
import { protocol32 } from "./protocol.ts";
import { Refused, replicationRefused } from "./refusal.ts";

export type Wanted = {
  readonly user: string;
  /** As it was written; the user's name when none was. */
  readonly database: string;
  readonly endpoint: string | undefined;
  /** In the words of `options`, and as parameters of their own. */
  readonly optionSettings: readonly (readonly [name: string, value: string])[];
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** `_pq_.` options, none of which are known yet. */
  readonly protocolOptions: readonly string[];
};

/** @throws Refused */
export function readWanted(parameters: ReadonlyMap<string, string>): Wanted {
  const user = parameters.get("user") ?? "";
  if (user === "")
    throw new Refused({
      reason: "protocol",
      code: "28000",
      message: "no PostgreSQL user name specified in startup packet",
      hint: "Name the user; `nebula db url` prints the whole address.",
    });
  const replication = (parameters.get("replication") ?? "off").toLowerCase();
  if (!["off", "false", "no", "0", "f", "n"].includes(replication)) throw new Refused(replicationRefused);
  const options = parseOptions(parameters.get("options") ?? "");
  const names = [...parameters.keys()];
  const own = ["user", "database", "options", "replication"];
  return {
    ...{ user, endpoint: options.endpoint, optionSettings: options.settings },
    database: parameters.get("database") || user,
    settings: names
      .filter((name) => !own.includes(name) && !name.startsWith("_pq_."))
      .map((name) => [mustBeAllowed(name), parameters.get(name) ?? ""] as const),
    protocolOptions: names.filter((name) => name.startsWith("_pq_.")),
  };
}

/** The version that both sides then speak, and whether the client has to be told. */
export function agreeOnVersion(asked: number, protocolOptions: readonly string[]) {
  const version = Math.min(asked, protocol32);
  return { version, mustTell: version !== asked || protocolOptions.length > 0 };
}

/** The time-outs of the declaration come first, so that a client's own, which it may set later anyway, win. */
export function upstreamParameters(wanted: Wanted, gate: Gate): ReadonlyMap<string, string> {
  const { idleSeconds, idleInTransactionSeconds, statementSeconds } = gate.limits;
  const timeouts: [string, string][] = [];
  if (idleSeconds > 0) timeouts.push(["idle_session_timeout", `${idleSeconds}s`]);
  if (idleInTransactionSeconds > 0)
    timeouts.push(["idle_in_transaction_session_timeout", `${idleInTransactionSeconds}s`]);
  if (statementSeconds > 0) timeouts.push(["statement_timeout", `${statementSeconds}s`]);
  const options = renderOptions([...timeouts, ...wanted.optionSettings]);
  return new Map([
    ["user", wanted.user],
    ["database", gate.databaseName],
    ...wanted.settings,
    ...(options === "" ? [] : ([["options", options]] as const)),
  ]);
}
