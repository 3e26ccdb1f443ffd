import type { Ensured, InstanceWanted, MachineDriver, Origin } from "../compute/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { noBackups, otherVersion } from "./errors.ts";
import type { Ground } from "./ground.ts";
import { handOver } from "./hand-over.ts";
import { hotCopy } from "./hot-copy.ts";
import { restoreInto } from "./restore.ts";

/**
 * A new database with the data of another: as it is now, by a copy of its folder, or as it was at a moment of its backups. Its own
 * names, passwords, identity; the source serves meanwhile. @throws NEB353 when it is there already, NEB414-417 for a moment
 */
export async function branchFrom(
  parts: Ground & { readonly driver: MachineDriver },
  wanted: InstanceWanted,
  { of, at }: { readonly of: DatabaseId; readonly at?: Date },
): Promise<Ensured> {
  const { machinery, driver } = parts;
  if (at !== undefined) return restoreInto(parts, wanted, { of, target: { kind: "time", at }, kind: "branch" });
  const known = await machinery.find(wanted.id);
  if (known?.manifest.origin?.of === of) return driver.ensure(wanted);
  const source = (await machinery.find(of))?.manifest;
  if (source === undefined) throw noBackups(`there is no database ${of} to branch from`);
  if (source.version !== wanted.version)
    throw otherVersion(
      `${of} is PostgreSQL ${source.version}, and its branch ${wanted.id} is to be ${wanted.version}`,
      {
        hint: "A branch has its parent's version: upgrade that first.",
      },
    );
  const origin: Origin = {
    note: {
      ...{ kind: "branch", of, identity: source.identity ?? "" },
      at: new Date(machinery.now()).toISOString(),
    },
    managed: source.managed,
    make: async (pgdata) => {
      await hotCopy(parts, of, pgdata);
      await machinery.site((site) =>
        machinery.scratch({ site, pgdata, of, settings: {}, timeoutMs: 3_600_000 }, (as) =>
          handOver(as, { from: source, to: wanted, adminPassword: machinery.adminPassword(wanted.id) }),
        ),
      );
      await machinery.sync(pgdata);
    },
  };
  return driver.ensure(wanted, origin);
}
