/**
 * `trace.json` of an instance: which trace made it what it is. It lies beside the gate because whoever wakes a database has no ledger.
 * The first wake after a deployment belongs to the deployment's trace; later ones only point at it. Losing it loses a line in a picture:
 * nothing waits for a disk.
 */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { currentTraceparent, parseTraceparent } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { layoutOf, type Place, placeOf } from "./paths.ts";

export type DeployTrace = {
  readonly traceparent: string;
  /** Somebody has woken it since. */
  readonly woken: boolean;
};

/** Leaves the current trace there; where nothing is traced, takes away what an earlier deployment left. */
export async function leaveTrace(place: Place): Promise<void> {
  const traceparent = currentTraceparent();
  if (traceparent === undefined) return rm(place.trace, { force: true });
  await write(place, { traceparent, woken: false });
}

export async function readDeployTrace(dataDir: string, id: DatabaseId): Promise<DeployTrace | undefined> {
  const place = placeOf(layoutOf(dataDir), id);
  return parse(await readFile(place.trace, "utf8").catch(() => ""));
}

export const markWoken = (dataDir: string, id: DatabaseId, { traceparent }: DeployTrace): Promise<void> =>
  write(placeOf(layoutOf(dataDir), id), { traceparent, woken: true });

async function write(place: Place, trace: DeployTrace): Promise<void> {
  const fresh = `${place.trace}.new`;
  await writeFile(fresh, `${JSON.stringify(trace)}\n`, { mode: 0o600 });
  await rename(fresh, place.trace);
}

function parse(text: string): DeployTrace | undefined {
  try {
    const { traceparent, woken } = JSON.parse(text) as Partial<DeployTrace>;
    if (parseTraceparent(traceparent) === undefined) return undefined;
    return { traceparent: String(traceparent), woken: woken === true };
  } catch {
    return undefined;
  }
}
