import type { Gate } from "../../platform/compute/index.ts";
import type { Clock, NebulaError } from "../../platform/core/index.ts";
import type { ApiSpec, DatabaseId } from "../../platform/spec/index.ts";
import { expiryOf } from "../keeper/index.ts";
import type { Directory } from "../wire/index.ts";
import { isAllowed } from "../wire/index.ts";
import { makeServed, type Served, type ServedDeps } from "./database.ts";
import type { Named } from "./types.ts";

/**
 * The databases that the data API serves.
 *
 * 1. The gate beside an instance decides, read anew when its file has changed: a declaration that is deployed is in force with the
 *    next request.
 * 2. What is being answered under the old one is answered to its end.
 */
export type ServedDatabases = {
  find(named: Named, address: string): Promise<Found>;
  close(): Promise<void>;
};

export type Found =
  | { readonly kind: "serves"; readonly served: Served }
  /** A branch whose time is over. */
  | { readonly kind: "expired"; readonly fault: NebulaError }
  /** There is none, it has no data API, or the address may not come. */
  | { readonly kind: "nothing" };

const nothing: Found = { kind: "nothing" };

type Deps = ServedDeps & { readonly directory: Directory; readonly clock: Clock };

export function makeServedDatabases(deps: Deps): ServedDatabases {
  const { directory, clock } = deps;
  const known = new Map<DatabaseId, { readonly gate: Gate; readonly served: Promise<Served> }>();

  const serve = (gate: Gate, api: ApiSpec): Promise<Served> => {
    const before = known.get(gate.id);
    if (before?.gate === gate) return before.served;
    known.delete(gate.id);
    if (before !== undefined) void before.served.then(closeWhenDone, () => undefined);
    const served = makeServed(deps, gate, api);
    known.set(gate.id, { gate, served });
    served.catch(() => known.delete(gate.id));
    return served;
  };

  const forget = (id: DatabaseId) => {
    const before = known.get(id);
    known.delete(id);
    void before?.served.then(closeWhenDone, () => undefined);
  };

  return {
    async find(named, address) {
      const id = named.by === "id" ? named.id : await directory.find(named.endpoint);
      if (id === undefined) return nothing;
      const gate = await directory.gateOf(id);
      if (gate === undefined) {
        forget(id);
        return nothing;
      }
      if (gate.api === undefined || !isAllowed(gate.allowFrom, address)) {
        if (gate.api === undefined) forget(id);
        return nothing;
      }
      const fault = expiryOf(gate, clock.now());
      if (fault !== undefined) return { kind: "expired", fault };
      return { kind: "serves", served: await serve(gate, gate.api) };
    },
    async close() {
      const all = await Promise.allSettled([...known.values()].map(({ served }) => served));
      known.clear();
      await Promise.allSettled(all.map((one) => (one.status === "fulfilled" ? one.value.close() : undefined)));
    },
  };
}

async function closeWhenDone(served: Served): Promise<void> {
  while (served.working > 0) await new Promise((resolve) => setTimeout(resolve, 100));
  await served.close();
}
