import type { Gate } from "../../platform/compute/index.ts";
import type { Clock } from "../../platform/core/index.ts";
import { type DatabaseId, objectNames } from "../../platform/spec/index.ts";
import type { Directory } from "./types.ts";

export type DirectoryOptions = {
  readonly gateOf: (id: DatabaseId) => Promise<Gate | undefined>;
  readonly list: () => Promise<readonly DatabaseId[]>;
  readonly clock: Clock;
};

/** The host name and endpoint name of a database: a DNS label, the same everywhere it is shown. */
export function endpointName(id: DatabaseId): string {
  const [tenant = "", project = "", database = ""] = id.split(".");
  return objectNames(tenant, project, database).resource;
}

const refreshEveryMs = 500;

/** Databases of this machine by id and by endpoint name. A name that is not known is looked for anew, not more often than twice a second. */
export function makeDirectory({ gateOf, list, clock }: DirectoryOptions): Directory {
  let known: ReadonlyMap<string, DatabaseId> = new Map();
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;
  const refresh = async () => {
    const ids = await list();
    known = new Map(ids.map((id) => [endpointName(id), id]));
    readAt = clock.monotonicMs();
  };
  return {
    gateOf,
    async find(endpoint) {
      const found = known.get(endpoint);
      if (found !== undefined) return found;
      if (clock.monotonicMs() - readAt >= refreshEveryMs) {
        reading ??= refresh().finally(() => {
          reading = undefined;
        });
        await reading;
      }
      return known.get(endpoint);
    },
  };
}
