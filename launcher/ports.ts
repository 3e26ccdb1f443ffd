import { createServer } from "node:net";
import { gatewayPorts } from "../platform/core/index.ts";
import { portTaken } from "./errors.ts";

/**
 * The ports of a platform: N and the next three, two more for each further replica; the gateway's from N + 90.
 * Databases have none.
 */
export type Ports = {
  readonly portal: number;
  readonly forge: number;
  readonly ledger: number;
  readonly reconciler: number;
  /** Where clients of databases connect: every feature of the protocol. */
  readonly direct: number;
  /** The same through a pool of transactions. */
  readonly pooled: number;
  /** The gateway's /metrics, /livez and /readyz. */
  readonly gateway: number;
  /** Databases over HTTP. */
  readonly api: number;
  /** Buckets. */
  readonly files: number;
};

export const defaultPort = 4400;
/** N + 94 must still be a port, and those of further replicas. */
export const highestPort = 65_000;

export function portsFrom(first: number): Ports {
  const { web: gateway, ...rest } = gatewayPorts(first);
  return { portal: first, forge: first + 1, ledger: first + 2, reconciler: first + 3, gateway, ...rest };
}

/** @throws NEB920 naming every taken port and what to do. */
export async function requireFree(ports: Readonly<Record<string, number>>, command: string): Promise<void> {
  const tried = await Promise.all(
    Object.entries(ports).map(async ([name, port]) => ((await isFree(port)) ? undefined : `${port} (${name})`)),
  );
  const taken = tried.filter((entry) => entry !== undefined);
  if (taken.length === 0) return;
  throw portTaken(`port${taken.length > 1 ? "s" : ""} ${taken.join(", ")} of 127.0.0.1 in use by another program`, {
    hint: `Stop that program, or choose other ports: ${command} --port N takes N to N+3 (two more for each further replica), and N+90 to N+94 for the gateway.`,
    fields: { ports: taken },
  });
}

/** A first port whose own are all free now, away from the default ones. */
export async function findFreePorts(): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 40_000);
    const free = await Promise.all(Object.values(portsFrom(first)).map(isFree));
    if (free.every(Boolean)) return first;
  }
}

export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
