import { createServer } from "node:net";
import { defineError } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";
import { lockPorts, portsTaken } from "./write-instance.ts";

export const portsExhausted = defineError({
  code: "NEB369",
  status: 507,
  title: "No free port",
  retry: false,
  hint: "Start NebulaDB on another base port, or remove databases that are not needed.",
});

/**
 * The port of an instance: the one it has, else the lowest from `base` upwards that no instance has and no other program
 * listens on. Call it in the transaction that reserves the instance: until that ends, nobody else is given one.
 * @throws NEB369 when there is none up to 65535.
 */
export async function allocatePort(
  tx: Sql,
  base: number,
  instance: string,
  isFree: (port: number) => Promise<boolean> = isUnused,
): Promise<number> {
  await lockPorts(tx);
  const own = await tx.maybe<{ port: number | null }>("select port from instances where id = $1", [instance]);
  if (own?.port) return own.port;
  const taken = await portsTaken(tx);
  for (let port = base; port <= 65_535; port++) if (!taken.has(port) && (await isFree(port))) return port;
  throw portsExhausted(`no port from ${base} to 65535 is free`);
}

/** Whether a server could listen on loopback there now. */
const isUnused = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve(true)));
  });
