import { gatesIn, readGate } from "../../platform/compute/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";

/** The databases of a data folder that declare replicas, by their gates. */
export async function replicatedIn(dataDir: string): Promise<readonly DatabaseId[]> {
  const ids = await gatesIn(dataDir);
  const gates = await Promise.all(ids.map((id) => readGate(dataDir, id).catch(() => undefined)));
  return ids.filter((_, i) => (gates[i]?.replicas ?? 0) > 0);
}

/** Of the keeper: a session that was let in. */
type Entered = { readonly socketPath: string; leave(): void };

/** The same session at a standby: the keeper knows of it, so that the database does not sleep under it. */
export async function atStandby<T extends Entered>(entered: T, find: () => Promise<string>): Promise<T> {
  try {
    return { ...entered, socketPath: await find() };
  } catch (thrown) {
    entered.leave();
    throw thrown;
  }
}
